import { checkLinearizable } from '../../drill/checker/linearizable.ts'
import type { RegisterOperation } from '../../drill/checker/register.ts'
import type { RingOperation } from './ring-operation.ts'

/** The search for a linearization gives up sooner than in a drill. */
const maxTries = 20_000

export interface ReadsVerdict {
  readonly violations: readonly string[]
  readonly undecidedKeys: number
}

/** A lifetime that is longer ends after the run, also by a clock that is hours ahead. */
const longestRunMs = 43_200_000

/**
 * Whether each key behaved as one register, wherever it was. Reads of values that end meanwhile are left out: the logs'
 * clocks differ, so that one that has ended at one of them may be there for longer at the next.
 * @param isAlone whether the log of the member at an address has one node: all that it reads is the newest
 */
export function checkReads(operations: readonly RingOperation[], isAlone: (address: string) => boolean): ReadsVerdict {
  const mortal = new Set(operations.flatMap(({ value, ttl = Infinity }) => (ttl < longestRunMs ? value : [])))
  const certain = operations.filter(({ kind, value }) => kind !== 'get' || !mortal.has(value ?? undefined))
  const verdicts = checkLinearizable(
    certain.flatMap((operation) => asRegister(operation, isAlone)),
    { maxTries },
  )
  return {
    violations: verdicts.flatMap((key) => (key.verdict === 'violation' ? key.explanation : [])),
    undecidedKeys: verdicts.filter(({ verdict }) => verdict === 'gave up').length,
  }
}

/** What was spooled takes effect at some later time, or never. So does the end of a key with a lifetime. */
function asRegister(operation: RingOperation, isAlone: (address: string) => boolean): RegisterOperation[] {
  const { kind, by, isSpooled, isConsistent, condition, outcome, ttl } = operation
  if (kind === 'get') {
    const isNewest = isConsistent || (by !== undefined && isAlone(by))
    return isNewest && !isSpooled ? [operation] : []
  }
  const end: RegisterOperation[] = ttl === undefined ? [] : [{ ...operation, kind: 'delete', outcome: 'unknown' }]
  if (isSpooled) return [{ ...operation, outcome: 'unknown' }, ...end]
  const replaces = condition === 'absent' && outcome === 'ok' ? { replaces: null } : {}
  return [{ ...operation, ...replaces }, ...end]
}
