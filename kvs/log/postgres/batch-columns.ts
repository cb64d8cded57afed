import { codeOf, setsValue, type Write } from '../../core/operation/operation.ts'
import { byteaArray, smallintArray, textArray } from './binary-arrays.ts'

/** The columns of a batch, as parameters of the appending statements: event types, keys, values and content types. */
export function batchColumns(writes: readonly Write[]): unknown[] {
  return [
    smallintArray(writes.map((write) => codeOf(write.kind))),
    textArray(writes.map((write) => write.key)),
    byteaArray(writes.map((write) => (setsValue(write) ? write.value : undefined))),
    textArray(writes.map((write) => (setsValue(write) ? write.contentType : undefined))),
  ]
}
