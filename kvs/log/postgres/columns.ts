import type { Write } from '../../core/entry.ts'
import { byteaArray, smallintArray, textArray } from './binary-arrays.ts'

const eventType = { delete: 1, put: 2 } as const

/** A batch as the appending statements take it: kinds, keys, values and content types. */
export function columns(writes: readonly Write[]): unknown[] {
  return [
    smallintArray(writes.map((write) => eventType[write.kind])),
    textArray(writes.map((write) => write.key)),
    byteaArray(writes.map((write) => (write.kind === 'put' ? write.value : undefined))),
    textArray(writes.map((write) => (write.kind === 'put' ? write.contentType : undefined))),
  ]
}
