import { formatEarlier } from '../../core/earlier-version.ts'
import type { ForeignEntry, MovedWrite } from '../../core/entry.ts'
import { codeOf, setsValue, type Write } from '../../core/operation/operation.ts'
import { formatPosition } from '../../core/position.ts'
import { maxStamp } from '../../core/rank.ts'
import { bigintArray, booleanArray, byteaArray, smallintArray, textArray, timestampArray } from './binary-arrays.ts'

/**
 * The columns of a batch, as parameters of the appending statements: event types, keys, values, content types,
 * deadlines and dependencies; and the stamp that theirs has to be later than.
 */
export function batchColumns(writes: readonly Write[]): unknown[] {
  return [...contentColumns(writes), floorOf(writes)]
}

/**
 * The columns of entries of other logs, as parameters of `append_foreign`: those of a batch, then stamps, origins,
 * sequences there, and which have no effect.
 */
export function foreignColumns(entries: readonly ForeignEntry[]): unknown[] {
  return [
    ...contentColumns(entries.map(({ write }) => write)),
    bigintArray(entries.map(({ stamp }) => BigInt(stamp))),
    textArray(entries.map(({ origin }) => origin.logId)),
    bigintArray(entries.map(({ origin }) => origin.sequence)),
    booleanArray(entries.map(({ superseded }) => superseded)),
  ]
}

/** The columns of keys that move, as parameters of `append_moved`: those of a batch, then the earlier versions. */
export function movedColumns(moved: readonly MovedWrite[]): unknown[] {
  return [
    ...batchColumns(moved.map(({ write }) => write)),
    textArray(moved.map(({ earlier }) => formatEarlier(earlier))),
  ]
}

function contentColumns(writes: readonly Write[]): unknown[] {
  return [
    smallintArray(writes.map((write) => codeOf(write.kind))),
    textArray(writes.map((write) => write.key)),
    byteaArray(writes.map((write) => (setsValue(write) ? write.value : undefined))),
    textArray(writes.map((write) => (setsValue(write) ? write.contentType : undefined))),
    deadlineColumn(writes),
    dependencyColumn(writes),
  ]
}

/** Null, which is none for each write, where there are none: most batches have none. */
function deadlineColumn(writes: readonly Write[]): Buffer | null {
  const hasSome = writes.some(({ deadline }) => deadline !== undefined)
  return hasSome ? timestampArray(writes.map(({ deadline }) => deadline)) : null
}

/** Null in the same way: writes rarely come before what they depend on. */
function dependencyColumn(writes: readonly Write[]): Buffer | null {
  const hasSome = writes.some(({ after }) => after !== undefined)
  return hasSome ? textArray(writes.map(({ after }) => after && formatPosition(after))) : null
}

/** The highest stamp that the writes depend on, within the bounds; null where they depend on none. */
function floorOf(writes: readonly Write[]): number | null {
  let floor = 0
  for (const { after } of writes) if (after !== undefined && after.stamp > floor) floor = after.stamp
  return floor === 0 ? null : Math.min(floor, maxStamp)
}
