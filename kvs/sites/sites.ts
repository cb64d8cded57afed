import { maxStamp } from '../core/rank.ts'
import type { Feed, SitesStatus } from '../kv/index.ts'
import { unlessAborted } from '../lib/abort.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import type { LogImport, SiteLog } from '../log/index.ts'
import { makeFeed } from './feed.ts'
import type { FrameLimits } from './frames/frame.ts'
import { type Intake, makeIntake } from './intake.ts'
import type { OwnSite } from './own-site.ts'
import { makePeer, type Peer } from './peer.ts'
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
    const target = await siteLog.openImport()
    if (target === undefined) return
    const intake = makeIntake(target, site)
    lead = { intake }
    try {
      await follow(peers, target, intake, signal)
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

/**
 * Follows all peers until the connection to this site's log is lost, or the signal aborts. Rejects where the log does
 * not take what they send: the next import begins with what it has.
 */
async function follow(peers: readonly Peer[], target: LogImport, intake: Intake, signal: AbortSignal): Promise<void> {
  const ending = new AbortController()
  const end = () => ending.abort()
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  void target.lost.then(end)
  let failure: { readonly error: unknown } | undefined
  void intake.failed.then((error) => {
    failure = { error }
    end()
  })
  try {
    const lead = { target, intake, followed: new Map<string, string>() }
    await Promise.all(peers.map((peer) => peer.follow(lead, ending.signal)))
    if (failure) throw failure.error
  } finally {
    signal.removeEventListener('abort', end)
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
