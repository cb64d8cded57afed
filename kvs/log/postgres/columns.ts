import { codeOf, setsValue, type Write } from '../../core/operation/operation.ts'
import { byteaArray, smallintArray, textArray } from './binary-arrays.ts'

/** A batch as the appending statements take it: kinds, keys, values and content types. */
export function columns(writes: readonly Write[]): unknown[] {
  return [
    smallintArray(writes.map((write) => codeOf(write.kind))),
    textArray(writes.map((write) => write.key)),
    byteaArray(writes.map((write) => (setsValue(write) ? write.value : undefined))),
    textArray(writes.map((write) => (setsValue(write) ? write.contentType : undefined))),
  ]
}
