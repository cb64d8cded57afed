import type { History, Operation } from '../history.ts'
import { checkAgainstLog, type LogFindings, type LogRules } from './against-log.ts'
import { withLapsesAsDeletes } from './lifetimes.ts'
import { checkLinearizable, type SearchLimits } from './linearizable.ts'
import { asOneRegister } from './one-register.ts'

/** True if there is no violation. */
export interface Verdict extends LogFindings {
  /** Longest time without an acknowledged write while some client was trying one, in seconds. */
  readonly secondsWithoutWrites: number
}

/**
 * Checks a history in two ways that share no assumption: against the log, and each key by itself as a register, without
 * the log. Of several nodes, what has to make one register is `asOneRegister`; the rest is held against the log only.
 */
export function checkHistory(history: History, rules: LogRules & SearchLimits = {}): Verdict {
  const findings = checkAgainstLog(history, rules)
  const together = rules.severalNodes ? asOneRegister(history.operations) : history.operations
  const disorder = checkLinearizable(withLapsesAsDeletes(together), rules).flatMap((key) =>
    key.verdict === 'ok' ? [] : key.explanation,
  )
  return {
    ...findings,
    violations: [...new Set([...findings.violations, ...disorder])],
    secondsWithoutWrites: secondsWithoutWrites(history.operations),
  }
}

/** Measures from the first write's invocation to the last one's return; 0 without writes. */
export function secondsWithoutWrites(operations: readonly Operation[]): number {
  const writes = operations.filter((operation) => operation.kind !== 'get')
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (const { invoked, returned } of writes) {
    first = Math.min(first, invoked)
    last = Math.max(last, returned)
  }
  const acknowledged = writes.filter((write) => write.outcome === 'ok').map((write) => write.returned)
  let longest = 0
  let before = first
  for (const moment of [...acknowledged.sort((a, b) => a - b), last]) {
    longest = Math.max(longest, moment - before)
    before = moment
  }
  return longest / 1000
}
