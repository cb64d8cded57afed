import { isExpiry } from './checker/lifetimes.ts'
import type { History } from './history.ts'

type Counted = Pick<History, 'operations' | 'log' | 'transfers' | 'balances'>

const count = (number: number) => number.toLocaleString('en-US')

/** Counts what happened in a drill of several nodes, in a sentence: what did not happen was not tested. */
export function tally({ operations, log, transfers, balances }: Counted): string {
  const answered = operations.filter(({ outcome }) => outcome === 'ok')
  const spooled = answered.filter(({ kind, status }) => kind !== 'get' && status === 202)
  const superseded = log.filter((entry) => entry.superseded)
  const conditional = operations.filter(({ condition }) => condition !== undefined)
  const landed = conditional.filter(({ outcome }) => outcome === 'ok')
  const refused = conditional.filter(({ status }) => status === 412)
  const open = conditional.filter(({ outcome }) => outcome === 'unknown')
  const reads = answered.filter(({ kind }) => kind === 'get')
  const consistent = reads.filter(({ isConsistent }) => isConsistent)
  const passed = answered.filter(({ minPosition }) => minPosition !== undefined)
  const landedTransfers = transfers?.filter(({ outcome }) => outcome === 'ok') ?? []
  const moved = transfers
    ? `; ${count(landedTransfers.length)} of ${count(transfers.length)} transfers were acknowledged, their accounts listed ${count(balances?.length ?? 0)} times`
    : ''
  return (
    `${count(spooled.length)} writes were spooled, ${count(superseded.length)} superseded, ${count(log.filter(isExpiry).length)} ended by themselves; ` +
    `${count(landed.length)} conditional writes landed, ${count(refused.length)} were refused, ${count(open.length)} left open; ` +
    `${count(consistent.length)} of the reads were consistent; ${count(passed.length)} answers were to a position${moved}`
  )
}
