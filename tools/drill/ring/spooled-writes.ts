import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { describe, quoted } from '../checker/words.ts'
import type { MergedLog } from './merged-log.ts'
import type { Ownership } from './ownership.ts'
import type { RingOperation } from './ring-history.ts'

const isSpooled = ({ kind, status, outcome }: RingOperation) => kind !== 'get' && status === 202 && outcome === 'ok'

/**
 * What was answered 202 is in a log once, or superseded: that may be where its key has come to another owner, and
 * somebody has written to it since.
 */
export function checkSpooledWrites(
  operations: readonly RingOperation[],
  merged: MergedLog,
  ownership: Ownership,
  report: (sentence: string) => void,
): { readonly lost: number; readonly passedOver: number } {
  const stored = new Set(merged.entries.flatMap(({ value }) => value ?? []))
  const writesOf = Map.groupBy(
    operations.filter(({ kind, outcome }) => kind !== 'get' && outcome !== 'failed'),
    ({ key }) => key,
  )
  const spooled = new Set(operations.filter(isSpooled).flatMap(({ value }) => value ?? []))
  for (const value of merged.superseded) {
    if (!spooled.has(value)) report(`${value} is superseded in a log, and was not answered 202`)
  }
  let lost = 0
  let passedOver = 0
  for (const put of operations) {
    if (!isSpooled(put) || put.kind !== 'put' || stored.has(put.value ?? '')) continue
    const others = (writesOf.get(put.key) ?? []).filter((other) => other !== put && other.returned >= put.invoked)
    const isWritten = others.some(({ kind, value }) => kind === 'delete' || stored.has(value ?? ''))
    if (isWritten && ownership.stintsOf(slotOf(put.key)).length > 1) passedOver++
    else {
      lost++
      report(`key ${quoted(put.key)}: ${describe(put)} was spooled, and no log has it`)
    }
  }
  return { lost, passedOver }
}

/** How long after a spooled DELETE a 404 may come from it, in milliseconds. */
const deleteMs = 60_000

/**
 * The operations without those whose place in the clients' time is not known: reads that say that they show what was
 * spooled, and those that may show a spooled DELETE, since a 404 does not say so. A spooled write takes effect at some
 * later time, or never.
 */
export function withoutSpooledAnswers(operations: readonly RingOperation[]): RingOperation[] {
  const deletesOf = Map.groupBy(
    operations.filter((operation) => operation.kind === 'delete' && isSpooled(operation)),
    ({ key }) => key,
  )
  const mayShowDelete = ({ key, invoked, returned }: RingOperation) =>
    deletesOf.get(key)?.some((one) => one.invoked < returned && invoked < one.returned + deleteMs) === true
  return operations.flatMap((operation): RingOperation[] => {
    const { kind, value, isSpooled: isShown } = operation
    if (kind !== 'get') return [isSpooled(operation) ? { ...operation, outcome: 'unknown' } : operation]
    return isShown || (value === null && mayShowDelete(operation)) ? [] : [operation]
  })
}
