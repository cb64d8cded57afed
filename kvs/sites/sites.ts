import { maxStamp } from '../core/rank.ts'
import type { Feed, SitesStatus } from '../kv/index.ts'
import { unlessAborted } from '../lib/abort.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import type { SiteLog } from '../log/index.ts'
import { makeFeed } from './feed.ts'
import type { FrameLimits } from './frames/frame.ts'
import { type Intake, makeIntake } from './intake.ts'
import type { OwnSite } from './own-site.ts'
import { type Lead, makePeer, type Peer } from './peer.ts'
import type { OpenFeed } from './pull.ts'

/** What a node does for its site: it feeds other sites, and takes over their entries where no other node does. */
export interface Sites {
  readonly feed: Feed
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
}

export interface SitesOptions {
  readonly siteLog: SiteLog
  readonly site: OwnSite
  readonly peers: readonly { readonly address: string; readonly open: OpenFeed }[]
  readonly limits: FrameLimits
  /** Aborts when the node is told to stop. */
  readonly stopping: AbortSignal
  readonly logger: Logger
  readonly clock?: Clock
  readonly random?: Random
}

/** How often a node asks whether its site has no lead any more, in milliseconds. */
const leadEveryMs = 1_000
/** A stamp that is so much later than this site's clock is told of: somebody's clock is wrong, in milliseconds. */
const farMs = 60 * 60 * 1_000

export function makeSites(options: SitesOptions): Sites {
  const { siteLog, site, stopping, logger, clock = systemClock, random = systemRandom } = options
  const farStamps = makeFarStamps(site, logger)
  const peers = options.peers.map((peer) =>
    makePeer({ ...peer, limits: options.limits, onStamp: farStamps.note, logger, clock, random }),
  )
  let lead: { readonly intake: Intake } | undefined
  const past = { entries: 0, superseded: 0 }

  async function leadOnce(signal: AbortSignal): Promise<void> {
    // A node whose view is not that of the log leaves the lead to the others.
    site.requireReadable()
    const target = await siteLog.openImport()
    if (target === undefined) return
    const ending = new AbortController()
    const intake = makeIntake(target, site, ending.signal)
    lead = { intake }
    try {
      await follow({ peers, site, clock, signal, ending }, { target, intake, followed: new Map() })
    } finally {
      lead = undefined
      past.entries += intake.counts.entries
      past.superseded += intake.counts.superseded
      await target.close()
    }
  }

  return {
    feed: makeFeed({ openReader: siteLog.openReader, site, stopping, clock }),
    async run(signal) {
      let failed = ''
      while (!signal.aborted) {
        const failure = await unlessAborted(leadOnce(signal), signal).then(
          () => '',
          (error) => (error instanceof Error ? error.message : String(error)),
        )
        if (failure !== '' && failure !== failed) logger.warn(`cannot take over entries of other sites: ${failure}`)
        failed = failure
        await clock.sleep(leadEveryMs, signal)
      }
    },
    get status() {
      return { leads: lead !== undefined, peers: peers.map(({ status }) => status) }
    },
    get measures() {
      const { entries, superseded } = lead?.intake.counts ?? { entries: 0, superseded: 0 }
      return {
        ...{ entries: past.entries + entries, superseded: past.superseded + superseded },
        farStamps: farStamps.count,
      }
    },
  }
}

interface Following {
  readonly peers: readonly Peer[]
  readonly site: OwnSite
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Is aborted here. */
  readonly ending: AbortController
}

/**
 * Follows all peers until the connection to this site's log is lost, or the signal aborts. Rejects where an append
 * failed, or this node's view is not that of the log any more.
 */
async function follow({ peers, site, clock, signal, ending }: Following, lead: Lead): Promise<void> {
  const { target, intake } = lead
  let failure: { readonly error: unknown } | undefined
  const end = () => ending.abort()
  const fail = (error: unknown) => {
    failure ??= { error }
    end()
  }
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  void target.lost.then(end)
  void intake.failed.then(fail)
  const check = clock.every(leadEveryMs, () => {
    try {
      site.requireReadable()
    } catch (error) {
      fail(error)
    }
  })
  try {
    await Promise.all(peers.map((peer) => peer.follow(lead, ending.signal)))
  } finally {
    check.cancel()
    signal.removeEventListener('abort', end)
  }
  if (failure !== undefined && !signal.aborted) throw failure.error
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
