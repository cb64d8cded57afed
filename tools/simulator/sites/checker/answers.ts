import { endOfFault, type Fault, isOfNode, isOfPath, type Latency, type Schedule, siteOfNode } from '../../schedule.ts'
import type { SiteOperation } from '../sessions.ts'
import { words } from './causality.ts'
import type { Fact, Facts } from './facts.ts'

/** After a fault is over, a site needs this long to be as if nothing had been, in milliseconds. */
const recoveryMs = 15_000

/**
 * How long a write is tried that is decided by the view, in milliseconds: where its key is written all the while
 * elsewhere, it is given up then. So is one without a condition that carries a dependency.
 */
const contendedMs = 3_000

/** Holds what was acknowledged against the logs: it is there, with an effect, and what has failed is not. */
export function checkAcknowledged(operations: readonly SiteOperation[], facts: Facts): string[] {
  return operations.flatMap((operation) => {
    const { kind, key, value, site, sequence, outcome, isSpooled, condition } = operation
    const logId = facts.sites[site]?.logId ?? ''
    if (outcome === 'torn') return [`${words(operation)} shows torn bytes`]
    if (kind === 'get') return []
    const landed = kind === 'put' ? facts.byValue(value ?? '') : undefined
    if (outcome === 'failed' && landed)
      return [`${words(operation)} was refused, and is in the log: ${facts.words(landed)}`]
    if (outcome !== 'ok') return []
    if (isSpooled) {
      const isLost = kind === 'put' && landed === undefined
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
function lastBefore({ sites, of }: Facts, logId: string, { sequence, key }: Fact): Fact | undefined {
  const site = sites.find((one) => one.logId === logId)
  const before = site?.entries.slice(0, sequence - 1).findLast((entry) => entry.key === key && !entry.superseded)
  return site && before && of(site, before)
}

/**
 * A site whose own nodes and log are well takes every write, and answers every read without a token, whatever is
 * between the sites. A read with a token is refused only where a site has a fault, or the ways are long.
 */
export function checkAvailability(operations: readonly SiteOperation[], { faults, ...schedule }: Schedule): string[] {
  const isSlow = mayBeBehind(schedule.latency)
  return operations.flatMap((operation) => {
    const { kind, site, outcome, token, condition, invoked, returned, error } = operation
    if (outcome === 'ok' || outcome === 'torn' || error === 'condition_failed') return []
    if (error === 'not_stored' && (token ?? condition) && returned - invoked >= contendedMs) return []
    const during = faults.filter((fault) => fault.at <= returned && invoked <= endOfFault(fault) + recoveryMs)
    const isExcused = during.some((fault) => isTrouble(fault) && siteOf(fault, schedule) === site)
    if (isExcused) return []
    if (kind === 'get' && token && error === 'behind' && (isSlow || during.some(isTroubleOrPath))) return []
    return [`${words(operation)} was refused (${error}), and nothing was wrong with its site`]
  })
}

/** Whether an entry may take longer to another site than a node waits for it, though all is well. */
const mayBeBehind = ({ network, commit, between = 0 }: Latency) => between > 40 || network > 5 || commit > 20

const isTroubleOrPath = (fault: Fault) => isOfPath(fault) || isTrouble(fault)

/** The wall clocks of nodes are of no account. */
const isTrouble = ({ kind }: Fault) => kind !== 'clock'

function siteOf(fault: Fault, schedule: Pick<Schedule, 'sites'>): number | undefined {
  if (isOfPath(fault)) return undefined
  return isOfNode(fault) ? siteOfNode(schedule, fault.node) : fault.site
}
