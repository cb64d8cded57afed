import { type RegisterOperation, readRegister, type Step } from './register.ts'
import { findOrder, type Impasse } from './search.ts'
import { describe, named, quoted } from './words.ts'

export type KeyVerdict =
  | { readonly key: string; readonly verdict: 'ok' }
  /** The search gave up: the key is neither shown to be linearizable nor refuted, which fails the drill. */
  | { readonly key: string; readonly verdict: 'violation' | 'gave up'; readonly explanation: string }

export interface SearchLimits {
  /** Most partial orders that are tried for one key. Each takes about 200 bytes while its key is searched. */
  readonly maxTries?: number
}

const defaultTries = 500_000

/**
 * Whether each key behaved as one register that starts without a value: each operation took effect at one moment
 * between its invocation and its return (Herlihy & Wing, "Linearizability", 1990). Keys are independent of each other,
 * so each is searched alone (Horn & Kroening, "Faster linearizability checking via P-compositionality", 2015).
 *
 * A write of unknown outcome may take effect at any time after its invocation, or never; one that failed, never. The
 * values put must be unique within a key.
 */
export function checkLinearizable(
  operations: readonly RegisterOperation[],
  { maxTries = defaultTries }: SearchLimits = {},
): KeyVerdict[] {
  const keys = Map.groupBy(operations, (operation) => operation.key)
  return [...keys].map(([key, ofKey]) => checkKey(key, ofKey, maxTries))
}

function checkKey(key: string, operations: readonly RegisterOperation[], maxTries: number): KeyVerdict {
  const register = readRegister(operations)
  if (typeof register === 'string') {
    return { key, verdict: 'violation', explanation: `key ${quoted(key)}: ${register}` }
  }
  const order = findOrder(register, maxTries)
  if (order === 'found') return { key, verdict: 'ok' }
  if (order === 'gave up') {
    const explanation = `key ${quoted(key)}: gave up after ${maxTries} partial orders, so it is not shown to be linearizable; use more keys`
    return { key, verdict: 'gave up', explanation }
  }
  return { key, verdict: 'violation', explanation: explain(key, order, register.steps.length) }
}

const mostBeside = 6

function explain(key: string, { placed, last, write, awaited, blocked, beside }: Impasse, all: number): string {
  const value = named(write?.operation.value)
  const lines = [
    `key ${quoted(key)} is not linearizable: the key holds ${value} after ${placed} of ${all} operations, and no order has a place for`,
    ...list([blocked]),
  ]
  if (awaited) lines.push(`  as ${value} is still to be seen by:`, ...list([awaited]))
  if (beside.length > 0) lines.push('  under way with it:', ...list(beside.slice(0, mostBeside)))
  if (beside.length > mostBeside) lines.push(`    and ${beside.length - mostBeside} more`)
  if (last.length > 0) lines.push('  before it:', ...list(last))
  return lines.join('\n')
}

function list(steps: readonly Step[]): string[] {
  return steps.map((step) => `    ${describe(step.operation)}`)
}
