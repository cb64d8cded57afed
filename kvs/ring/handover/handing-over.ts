import { KvsError } from '../../core/errors.ts'
import type { Position } from '../../core/position.ts'
import { membersOf, type Ring, slotsOfMember } from '../../core/ring/description.ts'
import { slotsInBoth, slotsWithout } from '../../core/ring/slot-ranges.ts'
import type { Clock } from '../../lib/clock.ts'
import type { MemberClient } from '../member-client.ts'
import { conflict, type OwnRing } from '../own-ring.ts'

export interface HandingOverParts {
  readonly own: Pick<OwnRing, 'bound'>
  /** Asks a member until it answers, for as long as patience lasts. What it refuses is not asked again. */
  readonly reach: <T>(address: string, ask: (member: MemberClient) => Promise<T>) => Promise<T>
  readonly clock: Clock
}

/** How long keys may be without an owner that answers, in milliseconds: then they go back to the one before. */
const mostGapMs = 10_000
/** How long a member may be kept from taking its keys, in milliseconds. */
const patienceMs = 10_000
/** The pause before a member is asked again how far it is, in milliseconds. It waits for news before it answers. */
const pauseMs = 10
/** The same for one that is as far as is wanted, while others are not. */
const readyMs = 200

/** Who has to give something up: members that lose slots. */
export function losersOf({ positions, next = new Map() }: Ring): readonly string[] {
  return membersOf(positions).filter((address) => {
    return slotsWithout(slotsOfMember(positions, address), slotsOfMember(next, address)).length > 0
  })
}

/** Who takes slots from others. Where there was no ring yet, nobody has anything to take. */
export function takersOf({ positions, next = new Map() }: Ring): readonly string[] {
  if (positions.size === 0) return []
  return membersOf(next).filter((address) => {
    return slotsWithout(slotsOfMember(next, address), slotsOfMember(positions, address)).length > 0
  })
}

/**
 * Has the keys move that the change `ring.next` is about: on return nobody owns them, and those that are to own them
 * have all of them, durably. Who joins gives up what it had to itself, before anything comes to it. Then keys are
 * copied while their owners go on; and only once nearly nothing is missing, the owners give them up. Each step may have
 * been done before, also in part. Rejects where a member refuses, or is out of reach for too long, and where somebody
 * has ended the change meanwhile.
 */
export async function handOver(parts: HandingOverParts, ring: Ring): Promise<void> {
  const { reach, clock } = parts
  const { joining = [] } = ring
  const losers = losersOf(ring)
  const takers = takersOf(ring)
  const give = (address: string) => reach(address, (member) => member.give(ring, false))

  await forEach(joining, async (address) => void (await give(address)))
  // Whoever began this may have come as far as that, and keys have no owner meanwhile.
  const hasGap = takers.length > 0 && (await hasGiven(parts, ring, losers))
  const until = clock.now() + mostGapMs
  await untilTaken(parts, ring, takers, { until: hasGap ? until : Infinity })

  const gives = new Map<string, Position>()
  const end = hasGap ? until : clock.now() + mostGapMs
  await forEach(losers, async (address) => void gives.set(address, await give(address)))
  await untilTaken(parts, ring, takers, { gives, until: end })
}

/** Whether a member has given up something of the change already, as far as members say. */
async function hasGiven({ reach }: HandingOverParts, ring: Ring, losers: readonly string[]): Promise<boolean> {
  let isSo = false
  await forEach(losers, async (address) => {
    const { owns } = await reach(address, (member) => member.state())
    const had = slotsOfMember(ring.positions, address)
    isSo ||= slotsWithout(had, slotsInBoth(had, owns)).length > 0
  })
  return isSo
}

interface Wanted {
  /** What each has given up; undefined where nearly all of it is enough. */
  readonly gives?: ReadonlyMap<string, Position>
  /** When to give up, by the clock. */
  readonly until: number
}

/**
 * Resolves once all takers are as far as is wanted, at the same time. Each is asked until then, also one that is ready:
 * nobody goes on that is not asked.
 */
async function untilTaken(
  { own, reach, clock }: HandingOverParts,
  ring: Ring,
  takers: readonly string[],
  { gives, until }: Wanted,
): Promise<void> {
  const ready = new Set<string>()
  const over = new AbortController()

  async function ask(address: string): Promise<void> {
    let stuckSince: number | undefined
    while (!over.signal.aborted) {
      const { id, version } = own.bound?.ring ?? {}
      if (id !== ring.id || version !== ring.version) conflict('the change was ended by somebody else')
      const { state, obstacle } = await reach(address, (member) => member.take(ring, gives))
      const isReady = state === 'taken' || (state === 'following' && gives === undefined)
      if (isReady) ready.add(address)
      else ready.delete(address)
      if (ready.size === takers.length) return over.abort()
      const now = clock.now()
      stuckSince = obstacle === undefined ? undefined : (stuckSince ?? now)
      const isStuck = stuckSince !== undefined && now - stuckSince >= patienceMs
      if (!isReady && (isStuck || now >= until)) {
        throw new KvsError('cannot_forward', `${address} can’t take its keys: ${obstacle ?? 'it takes too long'}`)
      }
      await clock.sleep(isReady ? readyMs : pauseMs, over.signal)
    }
  }

  await forEach(takers, (address) => {
    return ask(address).catch((error: unknown) => {
      over.abort()
      throw error
    })
  })
}

export const forEach = async (
  addresses: readonly string[],
  act: (address: string) => Promise<void>,
): Promise<undefined> => {
  const results = await Promise.allSettled(addresses.map(act))
  const failed = results.find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}
