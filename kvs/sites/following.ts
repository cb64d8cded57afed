import type { Clock } from '../lib/clock.ts'
import type { MemberSet } from './member-set.ts'
import type { OwnSite } from './own-site.ts'
import type { Lead, Peer } from './peer.ts'

export interface FollowingOptions {
  readonly set: MemberSet
  readonly peerAt: (address: string) => Peer
  readonly site: OwnSite
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Is aborted here, at the end. */
  readonly ending: AbortController
  readonly lead: Lead
}

/** Another node of the site may reach others where this one does not: so long it keeps the lead in vain. */
const inVainMs = 30_000
const checkEveryMs = 1_000

/** Nothing is taken over here, and another node of the site may do better. */
export class InVain extends Error {
  override readonly name = 'InVain'
}

/**
 * Follows all members, as they come and go, until the connection to this site's log is lost, the signal aborts, or this
 * site is taken out, as far as this node's address says.
 * Rejects where an append failed, where this node's view is not that of the log any more, and with `InVain`.
 */
export async function followMembers(options: FollowingOptions): Promise<void> {
  const { set, site, clock, signal, ending, lead } = options
  const members = makeFollowed(options)
  const ended = Promise.withResolvers<void>()
  const end = () => ended.resolve()
  let reachedAt = clock.now()
  let awaited: bigint | undefined
  let awaitedAt = clock.now()

  const check = clock.every(checkEveryMs, () => {
    try {
      site.requireReadable()
      // Nobody else reads them again where a reading has failed.
      if (set.isStale) void set.refresh().catch(() => undefined)
      if (members.reachesSome) reachedAt = clock.now()
      if (clock.now() - reachedAt >= inVainMs) throw new InVain('no other site can be reached from here')
      if (lead.intake.awaited !== awaited) awaitedAt = clock.now()
      awaited = lead.intake.awaited
      const isStuck = awaited !== undefined && clock.now() - awaitedAt >= inVainMs
      if (isStuck) throw new InVain(`this node does not get to the entry ${awaited} of its log`)
    } catch (error) {
      ended.reject(error)
    }
  })
  const forget = set.onChange(() => (set.isRemoved ? end() : members.adjust()))
  signal.addEventListener('abort', end)
  if (signal.aborted || set.isRemoved) end()
  void lead.target.lost.then(end)
  void lead.intake.failed.then(ended.reject)
  members.adjust()
  try {
    await ended.promise
  } finally {
    check.cancel()
    forget()
    signal.removeEventListener('abort', end)
    ending.abort()
    await members.end()
  }
}

/** The members that are followed now. */
function makeFollowed({ set, peerAt, lead }: FollowingOptions) {
  const followed = new Map<string, { readonly ending: AbortController; readonly done: Promise<void> }>()
  const ended: Promise<void>[] = []

  return {
    /** Also where there is nobody to reach: nodes of this very site are not. */
    get reachesSome() {
      const all = [...followed.keys()].map((address) => peerAt(address).status)
      const others = all.filter(({ log }) => log !== lead.target.logId)
      return others.length === 0 || others.some(({ state }) => state !== 'unreachable')
    },
    adjust(): void {
      const wanted = set.others()
      for (const [address, { ending, done }] of followed) {
        if (wanted.includes(address)) continue
        ending.abort()
        ended.push(done)
        followed.delete(address)
      }
      for (const address of wanted) {
        if (followed.has(address)) continue
        const ending = new AbortController()
        followed.set(address, { ending, done: peerAt(address).follow(lead, ending.signal) })
      }
    },
    async end(): Promise<void> {
      for (const { ending } of followed.values()) ending.abort()
      await Promise.all([...ended, ...[...followed.values()].map(({ done }) => done)])
    },
  }
}
