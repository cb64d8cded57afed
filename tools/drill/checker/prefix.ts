import type { History, LogEntry, Operation } from '../history.ts'
import { describe, named, quoted } from './words.ts'

export interface Restored {
  /** Entries of a log that was restored from a backup. */
  readonly log: History['log']
  readonly views: History['views']
  /** Start of the backup in the clients' time: it must hold what was acknowledged before. */
  readonly began: number
  /** End of the backup in the clients' time: it must not hold what was invoked later. */
  readonly ended: number
}

/**
 * Holds a restored log against the history of the one that it was taken from: the same entries in the same order from
 * the first one on, without a gap, up to some point; at that point all that was acknowledged before the backup began,
 * and nothing that was asked for after it had ended.
 */
export function checkPrefix({ operations, log }: History, { log: restored, began, ended }: Restored): string[] {
  const violations: string[] = []
  const report = (text: string) => violations.push(text)
  if (restored.length > log.length) report(`${restored.length} entries were restored of a log of ${log.length}`)
  restored.forEach((entry, index) => {
    const original = log[index]
    if (original && tellEntry(entry) !== tellEntry(original)) {
      report(`restored was ${tellEntry(entry)} in the place of ${tellEntry(original)}`)
    }
  })

  const last = restored.length
  for (const write of operations.filter(({ kind, outcome }) => kind !== 'get' && outcome === 'ok')) {
    const name = `key ${quoted(write.key)}: ${describe(write)}`
    if (write.returned < began && atMost(write) > last && !write.isSpooled) {
      report(`${name} was acknowledged before the backup began, and is not in it`)
    }
    if (write.invoked > ended && write.sequence !== undefined && write.sequence <= last) {
      report(`${name} was asked for after the backup had ended, and is in it`)
    }
  }
  return violations
}

/** Returns what the clients saw of the restored past, as a history for the other checks. */
export function historyUpTo({ operations, faults }: History, { log: restored, views, began }: Restored): History {
  const last = restored.length
  const ofThen = operations.flatMap((operation): Operation[] => {
    const { kind, outcome, isSpooled, sequence, position: _, ...rest } = operation
    if (kind === 'get' || outcome === 'failed') return operation.returned < began ? [operation] : []
    if (outcome === 'unknown' || (atMost(operation) <= last && !isSpooled)) return [operation]
    return sequence === undefined ? [{ ...rest, kind, outcome: 'unknown' }] : []
  })
  return { operations: ofThen, log: restored, views, faults }
}

/** Returns the last entry that an acknowledged write can be: a DELETE's answer tells only the node's position. */
function atMost({ sequence, position }: Operation): number {
  return sequence ?? position ?? Number.POSITIVE_INFINITY
}

function tellEntry({ sequence, kind, key, value, superseded }: LogEntry): string {
  return `entry ${sequence} (${kind} of ${named(value)} at ${quoted(key)}${superseded ? ', superseded' : ''})`
}
