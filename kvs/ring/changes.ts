import { KvsError, NotOwner } from '../core/errors.ts'
import {
  addressesIn,
  isSamePositions,
  membersOf,
  type Positions,
  type Ring,
  slotsOfMember,
  sortedPositions,
} from '../core/ring/description.ts'
import { slotsWithout } from '../core/ring/slot-ranges.ts'
import type { AskedRingChange, RingPlan } from '../kv/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import type { Random } from '../lib/random.ts'
import type { Binding } from './binding.ts'
import type { MemberClient } from './member-client.ts'
import type { OwnNode } from './own-node.ts'
import { conflict, isFormed, type OwnRing } from './own-ring.ts'

export interface ChangesParts {
  readonly own: OwnRing
  readonly node: OwnNode
  readonly binding: Binding
  /** Also for this node itself. */
  readonly memberAt: (address: string) => MemberClient
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** How long a member that a change needs may be out of reach before the change is given up, in milliseconds. */
const patienceMs = 10_000
const pauseMs = 200

/**
 * Changes of the ring, as its home makes them. A change is two versions in the home's log. The first says what the ring
 * is to be: from then on each member that loses something gives it up, in its own log. The second says that the ring is
 * that now, once all have; or that all stays as it was, where one can't. Only by that one does anybody take what others
 * gave up. So no slot ever has two owners, whoever fails at whatever moment, and any node of the home can go on.
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
    change: (asked) => inTurn(() => change(parts, asked)),
    finish: (ring) => inTurn(() => finish(parts, ring)),
  }
}

async function change(parts: ChangesParts, asked: AskedRingChange): Promise<void> {
  const { own, node, binding } = parts
  for (;;) {
    await node.waitForHead()
    const before = own.bound !== undefined && isFormed(own.bound.ring) ? own.bound.ring : undefined
    if (before !== undefined && before.home !== own.self) {
      throw new NotOwner(own.versionText(), `the home of the ring is ${before.home}; nothing was changed`)
    }
    if (before?.next !== undefined) {
      await finish(parts, before).catch(() => undefined) // it is not this one's error
      continue
    }
    const ring = nextOf(parts, before, asked)
    if (ring === undefined) return
    await forEach(losersOf(ring), (address) => parts.memberAt(address).give(ring, true))
    // Somebody else may have decided the next version meanwhile.
    if (await binding.decide(ring)) return finish(parts, ring)
  }
}

/** The version that begins a change; undefined where all is as asked. */
function nextOf(
  { own, random }: ChangesParts,
  before: Ring | undefined,
  { asker, change }: AskedRingChange,
): Ring | undefined {
  const positions = before?.positions ?? new Map<number, string>()
  const next = planned(positions, change)
  if (next.size === 0) conflict('a ring has one member at least')
  const inRing = before === undefined ? [] : addressesIn(before)
  const knowing = [...inRing, asker, own.self]
  const members = membersOf(next)
  const standbys = [...new Set(knowing)].filter((address) => !members.includes(address)).toSorted()
  if (before !== undefined && isSamePositions(next, positions) && `${standbys}` === `${before.standbys}`)
    return undefined
  const id = before?.id ?? random.uuid().replaceAll('-', '').slice(0, 16)
  const joining = [...members, ...standbys].filter((address) => !inRing.includes(address))
  return { id, version: (before?.version ?? 0) + 1, home: own.self, positions, next, standbys, joining }
}

/** @throws KvsError ring_conflict */
function planned(positions: Positions, plan: RingPlan): Positions {
  if (plan.kind === 'replace') return plan.positions
  if (positions.size === 0) conflict('there is no ring yet: POST /hash_ring forms one')
  if (plan.kind === 'add') {
    const taken = positions.get(plan.position)
    if (taken !== undefined && taken !== plan.address) conflict(`the position ${plan.position} is ${taken}’s`)
    return new Map([...positions, [plan.position, plan.address]])
  }
  const left = [...positions].filter(([, address]) => address !== plan.address)
  if (left.length === positions.size)
    conflict(`${plan.address} is no member of the ring: ${membersOf(positions).join(', ')}`)
  if (left.length === 0) conflict(`${plan.address} is the only member of the ring`)
  return new Map(left)
}

/** Who has to give something up: members that lose slots, and those that are to join, which had all to themselves. */
function losersOf({ positions, next = new Map(), joining = [] }: Ring): string[] {
  const losing = membersOf(positions).filter((address) => {
    return slotsWithout(slotsOfMember(positions, address), slotsOfMember(next, address)).length > 0
  })
  return [...losing, ...joining]
}

async function finish(parts: ChangesParts, ring: Ring): Promise<void> {
  const { own, binding, logger, clock } = parts
  const { next } = ring
  const { id, version, next: isUnderWay } = own.bound?.ring ?? {}
  // Somebody may have brought it to its end by now.
  if (next === undefined || id !== ring.id || version !== ring.version || isUnderWay === undefined) return
  const began = clock.now()
  logger.info(`ring ${ring.id}, version ${ring.version}: ${textOf(ring.positions)} is to be ${textOf(next)}`)
  const failure = await forEach(losersOf(ring), (address) => {
    return reach(parts, address, (member) => member.give(ring, false))
  }).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
  const settled = failure === undefined ? settledAs(ring, next, own.self) : settledAs(ring, ring.positions, own.self)
  if (await binding.decide(settled)) {
    const ms = Math.round(clock.now() - began)
    if (failure === undefined) logger.info(`the ring is ${textOf(next)} now, after ${ms} ms`)
    else logger.warn(`the ring stays as it was: ${failure.message}`)
  }
  await spread(parts, settled, addressesIn(ring))
  if (failure !== undefined) throw failure
}

/** @param positions those of the change, or those before it */
function settledAs(ring: Ring, positions: Positions, self: string): Ring {
  const { id, version, joining = [] } = ring
  const members = membersOf(positions)
  const left = positions === ring.next ? [] : joining
  const standbys = addressesIn(ring).filter((address) => !members.includes(address) && !left.includes(address))
  return {
    ...{ id, version: version + 1, positions, next: undefined, standbys: standbys.toSorted() },
    home: members.includes(self) ? self : (members[0] ?? self),
  }
}

/**
 * Tells all that the change has been about. Resolves once the members own what is theirs; rejects where one of them
 * can't be told. It asks for the version by itself once it can.
 */
async function spread(parts: ChangesParts, ring: Ring, addresses: readonly string[]): Promise<void> {
  const { memberAt, logger } = parts
  const members = membersOf(ring.positions)
  const others = [...new Set(addresses)].filter((address) => !members.includes(address))
  const notTold = (address: string) => (error: Error) => {
    // Who has not given anything up yet need not know that the change is off.
    const isStrange = error instanceof KvsError && error.code === 'ring_conflict'
    if (!isStrange) logger.info(`${address} is not told of the ring’s version ${ring.version} yet: ${error.message}`)
  }
  await Promise.all([
    forEach(members, (address) => reach(parts, address, (member) => member.learn(ring))),
    forEach(others, (address) => memberAt(address).learn(ring).catch(notTold(address))),
  ])
}

/** Asks a member until it answers, for as long as patience lasts. What it refuses is not asked again. */
async function reach(
  { memberAt, clock }: ChangesParts,
  address: string,
  ask: (member: MemberClient) => Promise<void>,
): Promise<void> {
  const end = clock.now() + patienceMs
  for (;;) {
    try {
      return await ask(memberAt(address))
    } catch (error) {
      const isRefusal = error instanceof KvsError && error.status < 500
      if (isRefusal || clock.now() >= end) throw error
    }
    await clock.sleep(pauseMs)
  }
}

const forEach = async (addresses: readonly string[], act: (address: string) => Promise<void>): Promise<undefined> => {
  const results = await Promise.allSettled(addresses.map(act))
  const failed = results.find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}

function textOf(positions: Positions): string {
  const texts = sortedPositions(positions).map((position) => `${position} ${positions.get(position)}`)
  return texts.length === 0 ? 'no ring' : texts.join(', ')
}
