import { maxStamp } from '../core/rank.ts'
import type { PeerStatus, SiteService, SitesStatus } from '../kv/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import { askedOfLog, type SiteLog } from '../log/index.ts'
import { makeCopyAnswers } from './copies/copy-answer.ts'
import { type CopiesSettings, makeCopies } from './copies/copy-waits.ts'
import { compareMembers } from './digests/comparing.ts'
import { makeFindings } from './digests/findings.ts'
import { makeOwnDigests } from './digests/own-digests.ts'
import type { FrameLimits } from './frames/frame.ts'
import { makeLeading } from './leading.ts'
import { makeFeed } from './log-feed.ts'
import { makeMembership } from './member-changes.ts'
import { makeMemberSet } from './member-set.ts'
import type { OwnSite } from './own-site.ts'
import { makePeer } from './peer.ts'
import type { PeerClient } from './peer-client.ts'

/** What a node does for its site: it feeds other sites, and takes over their entries where no other node does. */
export interface Sites extends SiteService {
  /**
   * Whether this site was taken out of its group: it takes nothing over, sends nothing of later, and waits for nobody.
   */
  readonly isRemoved: boolean
  /**
   * Takes over the entries of the other sites, as long as it is the one node that does, until the signal aborts. Begins
   * once the node has replayed its log. Never rejects.
   */
  run(signal: AbortSignal): Promise<void>
  readonly status: SitesStatus
  readonly measures: SitesMeasures
}

export interface SitesMeasures {
  /** Entries that this node has taken over, and those among them that had no effect. */
  readonly entries: number
  readonly superseded: number
  /** Stamps that came in further in the future than `farMs`. */
  readonly farStamps: number
  /** Writes that were answered before as many logs had them as are wanted. */
  readonly shortWrites: number
}

export interface SitesOptions {
  readonly siteLog: SiteLog
  readonly site: OwnSite
  /** Addresses of other sites that the node was configured with, and its own, where it knows that. */
  readonly peers: readonly string[]
  readonly ownAddress: string | undefined
  readonly connect: (address: string) => PeerClient
  readonly limits: FrameLimits
  /** Undefined where writes wait for no other log. */
  readonly copies?: CopiesSettings | undefined
  /** How often values are compared with each other site's, in milliseconds; undefined for never. */
  readonly compareEveryMs?: number | undefined
  /** Aborts when the node is told to stop. */
  readonly stopping: AbortSignal
  /** How often the site looks for deletes that may be forgotten, in milliseconds. The default is a minute. */
  readonly forgetEveryMs?: number
  readonly logger: Logger
  readonly clock?: Clock
  readonly random?: Random
}

/** A stamp that is so much later than this site's clock is told of: somebody's clock is wrong, in milliseconds. */
const farMs = 60 * 60 * 1_000

export function makeSites(options: SitesOptions): Sites {
  const { siteLog, site, stopping, logger, clock = systemClock, random = systemRandom } = options
  const { forgetEveryMs = 60_000 } = options
  const farStamps = makeFarStamps(site, logger)
  const set = makeMemberSet({ siteLog, configured: options.peers, own: options.ownAddress })
  const clients = memoized(options.connect)
  const peerAt = memoized((address) => {
    const rank = () => set.rankOf(address)
    return makePeer({
      address,
      rank,
      client: clients(address),
      limits: options.limits,
      onStamp: farStamps.note,
      logger,
      clock,
      random,
    })
  })
  const copies =
    options.copies &&
    makeCopies({
      ...{ ...options.copies, set, site, openReader: siteLog.openReader, connect: clients },
      ...{ stopping, logger, clock, random },
    })
  const findings = makeFindings(logger, clock)
  const digests = makeOwnDigests({ site, isRemoved: () => set.isRemoved, stopping })
  const peers = () => set.others().map((address) => peerAt(address).status)
  const comparing = { site, own: digests, peers, client: clients, findings, clock, random }
  const comparisonWith = ({ state, log }: PeerStatus) => (state === 'standby' ? null : findings.of(log))
  const leading = makeLeading({
    ...{ siteLog, site, set, peerAt, forgetEveryMs, logger, clock },
    compare: (ending) => compareMembers({ ...comparing, everyMs: options.compareEveryMs }, ending),
  })

  return {
    feed: makeFeed({ openReader: siteLog.openReader, site, removal: () => set.removal, stopping, clock }),
    digests,
    members: makeMembership({ ...{ set, siteLog, site, logger, clock }, own: options.ownAddress, connect: clients }),
    copyOf: makeCopyAnswers({ site, isRemoved: () => set.isRemoved, clock }),
    copies,
    get isRemoved() {
      return set.isRemoved
    },
    refreshMembers: () => askedOfLog(set.refresh()),
    async rejoin(rank) {
      await askedOfLog(set.refresh())
      set.noteAdded(rank)
    },
    run: leading.run,
    get status() {
      return {
        leads: leading.leads,
        peers: peers().map((peer) => ({ ...peer, comparison: comparisonWith(peer) })),
      }
    },
    get measures() {
      return { ...leading.counts, farStamps: farStamps.count, shortWrites: copies?.short ?? 0 }
    },
  }
}

/** Calls `make` once for each text. */
function memoized<T>(make: (text: string) => T): (text: string) => T {
  const made = new Map<string, T>()
  return (text) => {
    const found = made.get(text) ?? make(text)
    made.set(text, found)
    return found
  }
}

/** Counts stamps that are far in the future, and warns of the first from each address. */
function makeFarStamps(site: OwnSite, logger: Logger) {
  const warned = new Set<string>()
  let count = 0
  return {
    get count() {
      return count
    },
    note(stamp: number, address: string): void {
      const aheadMs = stamp / 1_000 - site.now()
      if (aheadMs < farMs || site.now() === 0) return
      count++
      if (warned.has(address)) return
      warned.add(address)
      const when = new Date(Math.min(stamp, maxStamp) / 1_000).toISOString()
      logger.warn(`${address} sends entries from ${when}: a clock is wrong somewhere, and its writes win until then`)
    },
  }
}
