import { KvsError, NotOwner } from '../core/errors.ts'
import { addressesIn, isSamePositions, type Positions, type Ring, sortedPositions } from '../core/ring/description.ts'
import type { AskedRingChange } from '../kv/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import type { Random } from '../lib/random.ts'
import type { Binding } from './binding.ts'
import { forEach, handOver, losersOf, takersOf } from './handover/handing-over.ts'
import { removeLost } from './lost-members.ts'
import type { MemberClient } from './member-client.ts'
import type { OwnNode } from './own-node.ts'
import { conflict, isFormed, type OwnRing } from './own-ring.ts'
import { nextVersion } from './planned-version.ts'
import { calledOff, reach, settledAs, spread } from './settling.ts'

export interface ChangesParts {
  readonly own: OwnRing
  readonly node: OwnNode
  readonly binding: Binding
  /** Also for this node itself. */
  readonly memberAt: (address: string) => MemberClient
  /** Asks all that the ring names for a version that is newer than this node's, and takes it over. Never rejects. */
  readonly askAround: (ring: Ring) => Promise<void>
  /** Aborts when the node is told to stop. */
  readonly stopping: AbortSignal
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/**
 * Changes of the ring, as its home makes them. A change is two versions in the home's log. The first says what the ring
 * is to be: from then on keys are copied, and each member that loses some gives them up, in its own log. The second
 * says that the ring is that now, once all have moved; or that all stays as it was, where that can't be. Only by that
 * one does anybody own what others gave up. So no slot ever has two owners, whoever fails at whatever moment, and any
 * node of the home can go on.
 */
export interface Changes {
  /** As `RingService.change`. */
  change(asked: AskedRingChange): Promise<void>
  /** Brings a change to its end that somebody has left under way. Rejects as `change`. */
  finish(ring: Ring): Promise<void>
}

export function makeChanges(parts: ChangesParts): Changes {
  let last: Promise<unknown> = Promise.resolve()
  /** One after the other. */
  const inTurn = (act: () => Promise<void>) => {
    const done = last.then(act)
    last = done.catch(() => undefined)
    return done
  }
  return {
    change({ asker, change: plan }) {
      if (plan.kind === 'call off') return callOff(parts)
      // It ends what is under way, and is decided whatever else is asked for.
      if (plan.kind === 'remove lost') return removeLost(parts, plan)
      return inTurn(() => change(parts, { asker, change: plan }))
    },
    finish: (ring) => inTurn(() => finish(parts, ring)),
  }
}

async function change(parts: ChangesParts, asked: AskedRingChange): Promise<void> {
  const { own, node, binding, memberAt } = parts
  for (;;) {
    await node.waitForHead()
    const before = own.bound !== undefined && isFormed(own.bound.ring) ? own.bound.ring : undefined
    if (before !== undefined && before.home !== own.self) {
      throw new NotOwner(own.versionText(), `the home of the ring is ${before.home}; nothing was changed`)
    }
    if (before?.next !== undefined) {
      await finishLeft(parts, before)
      continue
    }
    if (before !== undefined && !(await isNewest(parts, before))) continue
    const ring = nextVersion(before, asked, own.self, parts.random)
    if (ring === undefined) return
    await forEach(ring.joining ?? [], (address) => requireSelf(memberAt(address), address))
    if (before !== undefined) await bringUp(parts, before, ring)
    const giving = [...losersOf(ring), ...(ring.joining ?? [])]
    await forEach(giving, async (address) => void (await memberAt(address).give(ring, true)))
    // Somebody else may have decided the next version meanwhile.
    if (await binding.decide(ring)) return finish(parts, ring).catch((error: unknown) => tellOfEnd(own, ring, error))
  }
}

/** A change that has begun, and that the home's log has no end of, is not over: nobody is to take it for called off. */
function tellOfEnd({ self, bound }: OwnRing, { id, version }: Ring, error: unknown): never {
  if (bound?.ring.id !== id || bound.ring.version !== version) throw error
  const sentence = `the change is under way still: ${self} makes it or calls it off once its log answers`
  throw new KvsError('cannot_forward', sentence, { cause: error })
}

/** Has those that a change is about own what they have before it, also where they were out of reach since. */
async function bringUp({ memberAt }: ChangesParts, before: Ring, ring: Ring): Promise<void> {
  const known = addressesIn(before)
  const moving = new Set([...losersOf(ring), ...takersOf(ring)])
  await forEach(
    [...moving].filter((address) => known.includes(address)),
    (address) => memberAt(address).learn(before),
  )
}

/** Ends a change that another call has under way: all stays as it was. */
async function callOff(parts: ChangesParts): Promise<void> {
  const { own, node, binding } = parts
  await node.waitForHead()
  const ring = own.bound?.ring
  if (ring?.next === undefined) conflict('no change of the ring is under way')
  if (ring.home !== own.self) throw new NotOwner(own.versionText(), `the home of the ring is ${ring.home}`)
  const settled = calledOff(ring, own.self)
  if (!(await binding.decide(settled))) conflict('the change was ended by somebody else')
  await spread(parts, settled, addressesIn(ring), false)
}

/** Ends a change that is under way, whatever comes of it. Rejects where it can't be ended now. */
async function finishLeft(parts: ChangesParts, ring: Ring): Promise<void> {
  const failure = await finish(parts, ring).catch((error: unknown) => error)
  const { bound } = parts.own
  if (failure !== undefined && bound?.ring.id === ring.id && bound.ring.version === ring.version) throw failure
}

/**
 * Whether nobody knows a version after this one, the newest of this log. There may be one where the log was restored:
 * then its home is another member, or this log has to have that version first.
 */
async function isNewest({ own, askAround }: ChangesParts, ring: Ring): Promise<boolean> {
  await askAround(ring)
  const isBehind = own.latest?.id === ring.id && own.latest.version > ring.version
  if (!isBehind) return true
  if (own.bound?.ring.version !== ring.version) return false
  return conflict(`the log of ${own.self} lacks versions of the ring that others know: was it restored?`)
}

/** Rejects with `ring_conflict` where the node at an address goes by another one. */
export async function requireSelf(member: MemberClient, address: string): Promise<void> {
  const { self } = await member.state()
  if (self !== address) conflict(`the node at ${address} has the address ${self} (KVS_ADDRESS)`)
}

async function finish(parts: ChangesParts, ring: Ring): Promise<void> {
  const { own, node, binding, logger, clock } = parts
  await node.waitForHead()
  const { id, version, next, positions } = own.bound?.ring ?? {}
  // Somebody may have brought it to its end by now.
  if (id !== ring.id || version !== ring.version || next === undefined) {
    const isNext = id === ring.id && version === ring.version + 1
    if (isNext && !isSamePositions(positions ?? new Map(), ring.next ?? new Map()))
      conflict('the change was called off')
    return requireNoneLost(ring, own.bound?.ring)
  }
  const began = clock.now()
  const joining = ring.joining?.length ? `; ${ring.joining.join(', ')} joins` : ''
  logger.info(`ring ${ring.id}, version ${ring.version}: ${textOf(ring.positions)} is to be ${textOf(next)}${joining}`)
  const failure = await handOver({ own, clock, reach: (...asked) => reach(parts, ...asked) }, ring).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  )
  const made = settledAs(ring, next, own.self)
  await binding.decide(failure === undefined ? made : calledOff(ring, own.self))
  // Another node of the home may have decided otherwise. What is in the log is what everybody is told.
  const settled = own.bound?.ring
  requireNoneLost(ring, settled)
  if (settled?.id !== ring.id || settled.next !== undefined) return
  const isMade = isSamePositions(settled.positions, next) && `${settled.standbys}` === `${made.standbys}`
  const ms = Math.round(clock.now() - began)
  if (isMade) logger.info(`the ring is ${textOf(next)} now, after ${ms} ms`)
  else
    logger.warn(`the ring stays as it was: ${failure?.message ?? 'another node of this member called the change off'}`)
  await spread(parts, settled, addressesIn(ring), isMade)
  if (!isMade) throw failure ?? new KvsError('ring_conflict', 'the change was called off; nothing was changed')
}

/**
 * Rejects where members were taken out without their keys since a change began. The ring may look like that change, and
 * nobody is to take the keys for moved.
 */
function requireNoneLost({ id, version }: Ring, settled: Ring | undefined): void {
  const { lost = [] } = settled?.id === id ? settled : {}
  const names = lost.filter((one) => one.version > version).map(({ address }) => address)
  if (names.length === 0) return
  const sentence = `${names.join(', ')}: taken out without any keys, as lost, while the change was under way, or just after`
  throw new KvsError('ring_conflict', `${sentence}; the ring is as /hash_ring says`)
}

function textOf(positions: Positions): string {
  const texts = sortedPositions(positions).map((position) => `${position} ${positions.get(position)}`)
  return texts.length === 0 ? 'no ring' : texts.join(', ')
}
