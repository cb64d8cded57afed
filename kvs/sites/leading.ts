import { unlessAborted } from '../lib/abort.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import type { SiteLog } from '../log/index.ts'
import { raiseFloor } from './floor.ts'
import { followMembers, InVain } from './following.ts'
import { type Intake, makeIntake } from './intake.ts'
import type { MemberSet } from './member-set.ts'
import type { OwnSite } from './own-site.ts'
import type { Peer } from './peer.ts'

/** A node’s part in that one node of a site takes over the entries of the others. */
export interface Leading {
  /** As `Sites.run`. */
  run(signal: AbortSignal): Promise<void>
  /** Whether it is this node. */
  readonly leads: boolean
  /** Entries that this node has taken over, and those among them that had no effect. */
  readonly counts: Intake['counts']
}

export interface LeadingOptions {
  readonly siteLog: SiteLog
  readonly site: OwnSite
  readonly set: MemberSet
  readonly peerAt: (address: string) => Peer
  /** Compares values with the members, as long as the node leads, until the signal aborts. Never rejects. */
  readonly compare: (ending: AbortSignal) => Promise<void>
  /** As `SitesOptions.forgetEveryMs`. */
  readonly forgetEveryMs: number
  readonly logger: Logger
  readonly clock: Clock
}

/** How often a node asks whether its site has no lead any more, in milliseconds. */
const leadEveryMs = 1_000

export function makeLeading(options: LeadingOptions): Leading {
  const { siteLog, site, set, peerAt, compare, forgetEveryMs, logger, clock } = options
  let lead: { readonly intake: Intake } | undefined
  let forgottenAt = clock.now()
  const past = { entries: 0, superseded: 0 }

  /** A node that does not lead hears from the log what the one that does has found. */
  async function forgetDeletes(): Promise<void> {
    if (site.deletes().count === 0 || clock.now() - forgottenAt < forgetEveryMs) return
    forgottenAt = clock.now()
    const forgotten = await siteLog.readForgotten()
    if (forgotten > site.deletes().forgotten) site.deletes().forget(forgotten)
  }

  async function leadOnce(signal: AbortSignal): Promise<void> {
    // A node whose view is not that of the log leaves the lead to the others.
    site.requireReadable()
    await set.refresh()
    // Another node of the site may be a member still, and is to hear what becomes of it.
    if (set.isRemoved) return forgetDeletes()
    const target = await siteLog.openImport()
    if (target === undefined) return forgetDeletes()
    const ending = new AbortController()
    const intake = makeIntake(target, site, ending.signal, (message) => logger.info(message))
    lead = { intake }
    const comparing = compare(ending.signal)
    const leading = { target, intake, followed: new Map() }
    const endFloor = raiseFloor({ set, peerAt, site, clock, everyMs: forgetEveryMs }, leading)
    try {
      await followMembers({
        ...{ set, peerAt, site, clock, signal, ending },
        lead: leading,
      })
    } finally {
      endFloor()
      lead = undefined
      past.entries += intake.counts.entries
      past.superseded += intake.counts.superseded
      await comparing
      await target.close()
    }
  }

  return {
    async run(signal) {
      let failed = ''
      while (!signal.aborted) {
        const error = await unlessAborted(leadOnce(signal), signal).then(
          () => undefined,
          (error: unknown) => error,
        )
        const failure = error === undefined ? '' : error instanceof Error ? error.message : String(error)
        if (failure !== '' && failure !== failed) logger.warn(`cannot take over entries of other sites: ${failure}`)
        failed = failure
        await clock.sleep(error instanceof InVain ? 2 * leadEveryMs : leadEveryMs, signal)
      }
    },
    get leads() {
      return lead !== undefined
    },
    get counts() {
      const { entries, superseded } = lead?.intake.counts ?? { entries: 0, superseded: 0 }
      return { entries: past.entries + entries, superseded: past.superseded + superseded }
    },
  }
}
