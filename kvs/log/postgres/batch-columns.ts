import type { Write } from '../../core/entry.ts'
import { byteaArray, smallintArray, textArray } from './binary-arrays.ts'

const eventType = { delete: 1, put: 2 } as const

/** The columns of a batch, as parameters of the appending statements: event types, keys, values and content types. */
export function batchColumns(writes: readonly Write[]): unknown[] {
  return [
    smallintArray(writes.map((write) => eventType[write.kind])),
    textArray(writes.map((write) => write.key)),
    byteaArray(writes.map((write) => (write.kind === 'put' ? write.value : undefined))),
    textArray(writes.map((write) => (write.kind === 'put' ? write.contentType : undefined))),
  ]
}
