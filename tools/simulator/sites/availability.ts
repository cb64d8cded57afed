import { parsePosition } from '../../../kvs/core/position.ts'
import type { Fact, Facts } from '../../sites-checker/facts.ts'
import { type SiteOperation, words } from '../../sites-checker/operation.ts'
import { isOfRing } from '../ring/ring-schedule.ts'
import {
  endOfFault,
  type Fault,
  isOfGroup,
  isOfNode,
  isOfPath,
  type Latency,
  type Schedule,
  siteOfNode,
} from '../schedule.ts'
import type { Removal } from './operator.ts'

/** After a fault is over, a site needs this long to be as if nothing had been, in milliseconds. */
const recoveryMs = 15_000

/**
 * How long a write is tried that is decided by the view, in milliseconds: where its key is written all the while
 * elsewhere, it is given up then. So is one without a condition that carries a dependency.
 */
const contendedMs = 3_000

/**
 * What a site had acknowledged before somebody asked for it to be taken out is with the members, unless they were said
 * to lack some of it.
 */
export function checkRemovals(
  operations: readonly SiteOperation[],
  removals: readonly Removal[],
  facts: Facts,
): string[] {
  const kept = new Set(facts.kept)
  // What a site had when it took itself out is lost with its log, unless somebody heard of it before.
  const isLost = ({ isByItself, logId }: Removal) => isByItself && facts.log(logId)?.state === 'lost'
  return removals
    .filter((removal) => removal.isDrained && !isLost(removal))
    .flatMap(({ logId, askedAt }) => {
      const own = operations.filter(({ log, returned }) => log === logId && returned <= askedAt)
      const written = own.filter(({ kind, outcome, isSpooled }) => kind !== 'get' && outcome === 'ok' && !isSpooled)
      return written
        .filter(({ sequence }) => !kept.has(facts.at(logId, sequence ?? 0) as Fact))
        .map((operation) => `${words(operation)} was acknowledged before its site was taken out, and no member has it`)
    })
}

/**
 * A site whose own nodes and log are well takes every write, and answers every read without a token, whatever is
 * between the sites. A read with a token is refused only where a site has a fault, the ways are long, members have
 * changed, or what it names never came to the site.
 */
export function checkAvailability(
  operations: readonly SiteOperation[],
  { faults, ...schedule }: Schedule,
  facts: Facts,
): string[] {
  const isSlow = mayBeBehind(schedule.latency)
  const changedAt = Math.min(...faults.filter(isOfGroup).map(({ at }) => at))
  return operations.flatMap((operation) => {
    const { kind, site, outcome, token, condition, invoked, returned, error } = operation
    if (outcome === 'ok' || outcome === 'torn' || error === 'condition_failed') return []
    if (error === 'not_stored' && (token ?? condition) && returned - invoked >= contendedMs) return []
    if (schedule.sites?.[site]?.isLate && !isThere(faults, site, invoked)) return []
    const during = faults.filter((fault) => fault.at <= returned && invoked <= endOfFault(fault) + recoveryMs)
    const isExcused = during.some((fault) => isTrouble(fault) && siteOf(fault, schedule) === site)
    if (isExcused) return []
    if (kind === 'get' && token && error === 'behind') {
      if (isSlow || during.some(isTroubleOrPath) || changedAt <= returned) return []
      if (!isEverHad(facts, operation)) return []
    }
    return [`${words(operation)} was refused (${error}), and nothing was wrong with its site`]
  })
}

/** Whether a new site has been started for so long that it is as any other. */
function isThere(faults: readonly Fault[], site: number, now: number): boolean {
  return faults.some((fault) => fault.kind === 'added' && fault.site === site && fault.at + recoveryMs <= now)
}

/** Whether all that the token of an operation names came to the log of its site at last. What was lost never does. */
function isEverHad(facts: Facts, { log, token }: SiteOperation): boolean {
  const had = facts.log(log)
  if (had === undefined) return true
  const reached = new Map<string, bigint>()
  for (const { origin, sequence } of had.entries) reached.set(origin?.logId ?? log, origin?.sequence ?? sequence)
  return [...(parsePosition(token ?? '')?.sequences ?? [])].every(
    ([id, sequence]) => sequence <= (reached.get(id) ?? 0n),
  )
}

/** Whether an entry may take longer to another site than a node waits for it, though all is well. */
const mayBeBehind = ({ network, commit, between = 0 }: Latency) => between > 40 || network > 5 || commit > 20

const isTroubleOrPath = (fault: Fault) => isOfPath(fault) || isTrouble(fault)

/** The wall clocks of nodes are of no account, and a site that is taken out goes on. */
const isTrouble = (fault: Fault) => fault.kind !== 'clock' && !isOfGroup(fault)

function siteOf(fault: Fault, schedule: Pick<Schedule, 'sites'>): number | undefined {
  if (isOfPath(fault) || isOfRing(fault)) return undefined
  return isOfNode(fault) ? siteOfNode(schedule, fault.node) : fault.site
}
