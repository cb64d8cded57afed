import { codeOf, setsValue, type Write } from '../../core/operation/operation.ts'
import { byteaArray, smallintArray, textArray, timestampArray } from './binary-arrays.ts'

/**
 * The columns of a batch, as parameters of the appending statements: event types, keys, values, content types and
 * deadlines.
 */
export function batchColumns(writes: readonly Write[]): unknown[] {
  return [
    smallintArray(writes.map((write) => codeOf(write.kind))),
    textArray(writes.map((write) => write.key)),
    byteaArray(writes.map((write) => (setsValue(write) ? write.value : undefined))),
    textArray(writes.map((write) => (setsValue(write) ? write.contentType : undefined))),
    deadlineColumn(writes),
  ]
}

/** Null, which is none for each write, where there are none: most batches have none. */
function deadlineColumn(writes: readonly Write[]): Buffer | null {
  const hasSome = writes.some(({ deadline }) => deadline !== undefined)
  return hasSome ? timestampArray(writes.map(({ deadline }) => deadline)) : null
}
