import { addressesIn, type Ring } from '../core/ring/description.ts'
import type { RingState } from '../kv/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import type { Random } from '../lib/random.ts'
import type { Binding } from './binding.ts'
import type { Changes } from './changes.ts'
import type { MemberClient } from './member-client.ts'
import type { OwnNode } from './own-node.ts'
import type { OwnRing } from './own-ring.ts'

export interface KeepingUp {
  readonly own: OwnRing
  readonly node: Pick<OwnNode, 'noWritesReason'>
  readonly binding: Pick<Binding, 'getReady' | 'repeat'>
  readonly changes: Changes
  readonly memberAt: (address: string) => MemberClient
  /** Takes over a version that a member has answered with. */
  readonly takeOver: (ring: Ring) => Promise<void>
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** How often the home is asked for a newer version, in milliseconds. Requests bring it sooner. */
const refreshMs = 2_000

/** How often a log is tried that takes no writes, while nobody else writes to it, in milliseconds. */
const tryLogMs = 10_000

/** Keeps up with the ring, and ends what was left under way at this home, until the signal aborts. Never rejects. */
export async function keepUp(parts: KeepingUp, signal: AbortSignal): Promise<void> {
  const { own, binding, changes, takeOver, logger, clock, random } = parts
  const refresh = makeRefresh(parts)
  const attempt = makeTelling(logger, signal)
  const attemptToFinish = makeTelling(logger, signal)
  const attemptToWrite = makeTelling(logger, signal)
  const isTrialDue = makeTrialTimes(parts)
  let left: Ring | undefined
  let finishing: Promise<void> | undefined
  while (!signal.aborted) {
    const { bound } = own
    const isUnderWay = bound?.ring.next !== undefined && bound.ring.home === own.self
    // Whoever has begun it brings it to its end sooner, unless it is gone. That may take hours, while all goes on.
    if (isUnderWay && left === bound.ring) {
      finishing ??= attemptToFinish(() => changes.finish(bound.ring)).finally(() => {
        finishing = undefined
      })
    }
    left = isUnderWay ? bound.ring : undefined
    if (own.current?.next !== undefined) binding.getReady()
    await attempt(async () => {
      if (own.current !== undefined) await takeOver(own.current)
      await refresh()
    })
    if (isTrialDue()) await attemptToWrite(binding.repeat)
    await clock.sleep(refreshMs * (0.75 + random.fraction() / 2), signal)
  }
  await finishing
}

/**
 * Makes the function that says when a log is to be tried which has refused writes for a while. No client may ever do
 * so: one that owns no slots gets no writes.
 */
function makeTrialTimes({ node, clock }: Pick<KeepingUp, 'node' | 'clock'>): () => boolean {
  let since: number | undefined

  return () => {
    if (node.noWritesReason() === undefined) {
      since = undefined
      return false
    }
    since ??= clock.now()
    if (clock.now() - since < tryLogMs) return false
    since = clock.now()
    return true
  }
}

/** Has something done again and again, and logs why it could not be, each reason once in a row. Never rejects. */
function makeTelling(logger: Logger, signal: AbortSignal) {
  let told = ''
  return async (act: () => Promise<void>): Promise<void> => {
    try {
      await act()
      told = ''
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (reason !== told && !signal.aborted) logger.warn(`the ring: ${reason}`)
      told = reason
    }
  }
}

/** What a member says of itself; undefined where it gives no answer. */
const stateOf = (member: MemberClient): Promise<RingState | undefined> => member.state().catch(() => undefined)

type Around = Pick<KeepingUp, 'own' | 'memberAt' | 'takeOver'>

/**
 * Asks all that the ring names what they know, and takes over the newest of it.
 * @returns those that have answered, and know no version that is as new as this one
 */
export async function askAround({ own, memberAt, takeOver }: Around, ring: Ring): Promise<readonly string[]> {
  const others = addressesIn(ring).filter((address) => address !== own.self)
  const states = await Promise.all(others.map((address) => stateOf(memberAt(address))))
  const known = states.flatMap((state) => (state?.ring?.id === ring.id ? state.ring : []))
  const newest = known.toSorted((one, other) => other.version - one.version)[0]
  if (newest !== undefined && newest.version > ring.version) await takeOver(newest)
  return others.filter((_, index) => {
    const state = states[index]
    return state !== undefined && !(state.ring?.id === ring.id && state.ring.version >= ring.version)
  })
}

/**
 * Looks for a newer version where the home does not answer, and tells of this one who knows less. So all that is known
 * of the ring is known to each of its members soon, though the home may be lost.
 */
async function askWithoutHome(parts: Around, ring: Ring): Promise<void> {
  const behind = await askAround(parts, ring)
  const told = behind.map((address) => parts.memberAt(address).learn(ring))
  await Promise.allSettled(told)
}

/**
 * Makes the function that looks for a newer version: at the home, and elsewhere where that has none. The home looks
 * around as well, since its log may have been restored: first everywhere, and then at one member after the other, which
 * it tells of the ring where that knows less. So a member whose log is a new one hears that the ring counts on it.
 */
function makeRefresh(parts: KeepingUp): () => Promise<void> {
  const { own, memberAt, takeOver } = parts
  let turn = 0

  async function lookAround(ring: Ring): Promise<void> {
    const others = addressesIn(ring).filter((address) => address !== own.self)
    if (turn++ === 0) return void (await askAround(parts, ring))
    const address = others[turn % others.length]
    const state = address === undefined ? undefined : await stateOf(memberAt(address))
    if (state === undefined || address === undefined) return
    const version = state.ring?.id === ring.id ? state.ring.version : 0
    if (version > ring.version && state.ring !== undefined) await takeOver(state.ring)
    // Who is behind by one only is told by whoever makes the change.
    else if (version < ring.version - (ring.next === undefined ? 0 : 1)) await memberAt(address).learn(ring)
  }

  return async () => {
    const ring = own.current
    if (ring === undefined) return
    if (ring.home === own.self) return lookAround(ring)
    const state = await stateOf(memberAt(ring.home))
    if (state?.ring?.id === ring.id && state.ring.version >= ring.version) await takeOver(state.ring)
    else if (state?.ring !== undefined && state.ring.id !== ring.id && ring.positions.size === 0) {
      await takeOver(givenUp(ring))
    } else if (state === undefined) await askWithoutHome(parts, ring)
    else await askAround(parts, ring)
  }
}

/**
 * A ring that was never formed, and whose home has gone on to another one: nobody leaves a ring that was. This node may
 * have been out of reach when the home gave it up.
 */
function givenUp(ring: Ring): Ring {
  return { ...ring, version: ring.version + 1, next: undefined, joining: undefined, standbys: [] }
}
