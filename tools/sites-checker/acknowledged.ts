import type { Fact, Facts } from './facts.ts'
import { type SiteOperation, words } from './operation.ts'

/**
 * Holds what was acknowledged against the logs: it is there, with an effect, and what has failed is not. A delete whose
 * sequence is not known is left out.
 */
export function checkAcknowledged(operations: readonly SiteOperation[], facts: Facts): string[] {
  return operations.flatMap((operation) => {
    const { kind, key, value, log: logId, sequence, outcome, isSpooled, condition } = operation
    if (outcome === 'torn') return [`${words(operation)} shows torn bytes`]
    if (kind === 'get') return []
    const landed = kind === 'put' ? facts.byValue(value ?? '') : undefined
    if (outcome === 'failed' && landed)
      return [`${words(operation)} was refused, and is in the log: ${facts.words(landed)}`]
    if (outcome !== 'ok' || (kind === 'delete' && sequence === undefined && !isSpooled)) return []
    if (isSpooled) {
      // A spool burns with the log that it is for.
      const isLost = kind === 'put' && landed === undefined && facts.log(logId)?.state !== 'lost'
      return isLost ? [`${words(operation)} was acknowledged and is in no log`] : []
    }
    const fact = sequence === undefined ? undefined : facts.at(logId, sequence)
    if (fact?.key !== key || fact.kind !== kind || fact.value !== (kind === 'put' ? value : undefined)) {
      return [`${words(operation)} was said to be entry ${sequence}, which is ${facts.words(fact)}`]
    }
    const before = condition === undefined ? undefined : lastBefore(facts, logId, fact)
    if (before?.kind === 'put' && before.deadline === undefined) {
      return [`${words(operation)} landed under If-None-Match: *, and the key had ${facts.words(before)}`]
    }
    return fact.isOvertaken ? [`${words(operation)} was acknowledged as stored, and has no effect`] : []
  })
}

/** The key's last entry that had an effect before another one in its own log. */
function lastBefore({ log, of }: Facts, logId: string, { sequence, key }: Fact): Fact | undefined {
  const site = log(logId)
  const before = site?.entries.slice(0, sequence - 1).findLast((entry) => entry.key === key && !entry.superseded)
  return site && before && of(site, before)
}
