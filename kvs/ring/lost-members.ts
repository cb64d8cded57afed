import { KvsError, NotOwner } from '../core/errors.ts'
import { addressesIn, membersOf, type Positions, type Ring, slotsOfMember } from '../core/ring/description.ts'
import { slotCount } from '../core/ring/key-slot.ts'
import { countSlots, formatRanges, joinedAll } from '../core/ring/slot-ranges.ts'
import type { RingPlan, RingState } from '../kv/index.ts'
import type { Binding } from './binding.ts'
import { forEach } from './handover/handing-over.ts'
import { MemberFault } from './member-fault.ts'
import type { OwnNode } from './own-node.ts'
import { conflict, isFormed, type OwnRing } from './own-ring.ts'
import { calledOff, spread, type TellingParts } from './settling.ts'

export interface LostMembersParts extends TellingParts {
  readonly own: OwnRing
  readonly node: OwnNode
  readonly binding: Binding
  /** Asks all that the ring names for a version that is newer than this node's, and takes it over. Never rejects. */
  readonly askAround: (ring: Ring) => Promise<void>
}

type Removal = Extract<RingPlan, { kind: 'remove lost' }>

/**
 * How many versions a new home leaves out, for each member that might have been it and is before it. The last home may
 * have decided some that nobody knows who goes on; each of these is older than what comes now, wherever it turns up.
 */
const leap = 1_000_000
/** How often a member is asked before it counts as silent, and the pause in between in milliseconds. */
const probes = 3
const probePauseMs = 1_500
/** How often this may find that the ring was changed meanwhile. */
const mostTries = 10

/**
 * Where members are taken out that are lost: at the home, or else, if that is lost, at the member with the lowest of
 * the positions that are left, which is the home from then on. All who know a version choose the same one, so that what
 * is decided is one conditional write in one log, whoever asks for it, and how often.
 */
export function decidingMember(ring: Ring, lost: readonly string[]): string {
  if (!lost.includes(ring.home)) return ring.home
  // One that is not formed yet has members in what it is to be alone.
  const [first] = membersOf(positionsWithout(ring.positions.size > 0 ? ring.positions : ring.next, lost))
  return first ?? conflict('no member of the ring is left: start nodes with new logs, and form a ring')
}

function positionsWithout(positions: Positions = new Map(), lost: readonly string[]): Positions {
  return new Map([...positions].filter(([, address]) => !lost.includes(address)))
}

/**
 * Takes members out of the ring without their keys, as the member that decides it. A change that is under way is called
 * off by it. Resolves once all others go by that version. Rejects with `confirmation_needed`, and what this would do,
 * unless the newest version was confirmed; with `ring_conflict` where one of them answers; with `NotOwner` where
 * another member decides it; and with `cannot_forward` where somebody can't be asked who has to be.
 */
export async function removeLost(parts: LostMembersParts, removal: Removal): Promise<void> {
  const { own, node, binding, logger } = parts
  const lost = [...new Set(removal.addresses)]
  for (let tries = 1; tries <= mostTries; tries++) {
    await node.waitForHead()
    const ring = await newestOf(parts, lost)
    if (lost.every((address) => isOut(ring, address))) return tellAgain(parts, ring)
    const isHome = ring.home === own.self
    requireRemovable(parts, ring, lost)
    await forEach(lost, (address) => requireSilent(parts, address))
    if (removal.confirmed !== ring.version) throw confirmationNeeded(own, ring, lost)
    const before = isHome && ring.next !== undefined ? calledOff(ring, own.self) : ring
    if (before !== ring && !(await binding.decide(before))) continue
    const settled = without(before, lost, own.self, isHome ? 1 : stepOf(ring, own.self))
    if (!(await binding.decideWithout(settled, before.version))) {
      // What was confirmed was this ring, and no other.
      if (before !== ring) conflict('the change that was under way is called off, and another one has begun: ask again')
      continue
    }
    logger.warn(`${lost.join(', ')}: taken out of the ring without their keys, by its version ${settled.version}`)
    return spread(parts, settled, goingOn(ring, lost), true)
  }
  conflict('the ring is changed by somebody else all the time')
}

/** Also who was lost once: its log may be a new one, or there again, and own slots that a lost home has given it. */
const goingOn = (ring: Ring, lost: readonly string[]) => addressesIn(ring).filter((address) => !lost.includes(address))

/** Somebody may have been out of reach when it was done. */
async function tellAgain(parts: LostMembersParts, ring: Ring): Promise<void> {
  if (ring.home === parts.own.self && ring.next === undefined) await spread(parts, ring, addressesIn(ring), true)
}

/**
 * By the place among the members: those before a new home were all said to be lost, and one of them may have been the
 * new home already. However many were lost for that one, what it decided is older than what those decide who go on.
 */
function stepOf({ positions, next = positions }: Ring, self: string): number {
  const members = membersOf(positions.size > 0 ? positions : next)
  return leap * (1 + members.indexOf(self))
}

/** The newest version that is known. A new home has to ask all that go on: one of them may be alone in knowing it. */
async function newestOf({ own, askAround, memberAt }: LostMembersParts, lost: readonly string[]): Promise<Ring> {
  for (let asked: Ring | undefined; ; ) {
    const ring = own.current ?? conflict(`${own.self} is in no ring`)
    if (asked === ring) return ring
    asked = ring
    await askAround(ring)
    if (own.current !== ring || !lost.includes(ring.home)) continue
    await forEach(goingOn(ring, lost), async (address) => {
      if (address === own.self) return
      const state = await memberAt(address)
        .state()
        .catch((error: unknown) => mayKnowMore(address, error))
      if (isNewer(state, ring))
        throw new NotOwner(own.versionText(), 'the ring was changed meanwhile; nothing was changed')
    })
  }
}

const isNewer = ({ ring: known }: RingState, { id, version }: Ring) => known?.id === id && known.version > version

function mayKnowMore(address: string, error: unknown): never {
  const why = error instanceof Error ? error.message : String(error)
  const sentence = `${address} may know a newer version of the ring, and can’t be asked: start it, or name it as well`
  throw new KvsError('cannot_forward', `${sentence} if its log is lost, too (${why}); nothing was changed`)
}

/** @throws KvsError ring_conflict, NotOwner */
function requireRemovable({ own }: LostMembersParts, ring: Ring, lost: readonly string[]): void {
  if (lost.includes(own.self)) conflict(`${own.self} is the node that you ask: it is there`)
  const decides = decidingMember(ring, lost)
  if (decides !== own.self) throw new NotOwner(own.versionText(), `that is decided by ${decides}; nothing was changed`)
  const known = addressesIn(ring)
  const strange = lost.find((address) => !known.includes(address))
  if (strange !== undefined) conflict(`${strange} is not in the ring: ${known.join(', ')}`)
  const isEmptied = ring.positions.size > 0 && positionsWithout(ring.positions, lost).size === 0
  if (isEmptied) conflict('no member of the ring is left: form a new ring')
  const { bound } = own
  const isBound = bound !== undefined && bound.ring.id === ring.id && isFormed(bound.ring)
  // A home has its newest version in its log, or that was restored.
  if (!isBound || (ring.home === own.self && bound.ring.version !== ring.version))
    conflict(`the log of ${own.self} lacks versions of the ring that others know: was it restored?`)
}

/** Whether a version goes back to one by which another member became the home, and that is not known here. */
export function hasNewHome({ lost = [] }: Ring, { home, version }: Ring): boolean {
  return lost.some((one) => one.address === home && one.version > version)
}

/** Whether a member was taken out like this already, and has no position since. */
function isOut({ positions, next = new Map(), lost = [] }: Ring, address: string): boolean {
  const isBack = [positions, next].some((one) => [...one.values()].includes(address))
  return !isBack && lost.some((one) => one.address === address)
}

const noError = () => undefined

/** Rejects with `ring_conflict` where a member gives an answer, whatever that is, to one of several questions. */
async function requireSilent({ memberAt, clock, stopping }: LostMembersParts, address: string): Promise<void> {
  const answers = (how: string) =>
    conflict(`${address} answers${how}: stop all its nodes, or take it out with its keys, by /remove_node`)
  for (let probe = 1; probe <= probes; probe++) {
    if (probe > 1) await clock.sleep(probePauseMs, stopping)
    const error = await memberAt(address)
      .state()
      .then(noError, (error: unknown) => error)
    if (error === undefined) answers('')
    if (!(error instanceof KvsError)) throw error
    if (error.code !== 'cannot_forward' || error instanceof MemberFault) answers(` (${error.message})`)
  }
}

/** The version that takes members out. They stay standbys, so that a node that is there again is told of the ring. */
function without(before: Ring, lost: readonly string[], self: string, step: number): Ring {
  const settled = calledOff(before, self)
  const version = before.version + step
  const positions = positionsWithout(before.positions, lost)
  const members = membersOf(positions)
  const standbys = [...new Set([...settled.standbys, ...lost])].filter((address) => !members.includes(address))
  const taken = lost
    .filter((address) => !isOut(before, address))
    .map((address) => ({ address, after: before.version, version }))
  const all = [...(before.lost ?? []), ...taken]
  return { ...settled, version, home: self, positions, standbys: standbys.toSorted(), lost: all }
}

function confirmationNeeded(own: OwnRing, ring: Ring, lost: readonly string[]): KvsError {
  const { positions, next, version, home } = ring
  const slots = joinedAll(lost.map((address) => slotsOfMember(positions, address)))
  const left = positionsWithout(positions, lost)
  const grows = (address: string) =>
    countSlots(slotsOfMember(left, address)) > countSlots(slotsOfMember(positions, address))
  const heirs = membersOf(left).filter(grows).join(', ')
  const names = lost.join(', ')
  const isForming = positions.size === 0
  const parts = [
    `this takes ${names} out of the ring for good, without any keys`,
    isForming && 'the ring is not formed yet and is given up: nobody is in it from then on, and it can be formed anew',
    !isForming && slots.length === 0 && 'no slots are concerned',
    slots.length > 0 &&
      `the keys of ${countSlots(slots)} slots (${formatRanges(slots)}) are lost, but for copies at ${heirs}, which may ` +
        'be of older values, or of keys that were deleted since; copies at others stay in their logs, and nobody shows them',
    countSlots(slots) > slotCount / 2 &&
      `that is more than half of all slots: look whether it is ${own.self} that is cut off from the others`,
    next !== undefined && !isForming && 'the change that is under way is called off',
    !isForming &&
      home !== own.self &&
      `${own.self} is the home of the ring from then on; whatever version ${home} has decided that no other node knows ` +
        'is void',
    `nothing may serve clients from the log of ${names} from now on`,
    `those who go on are ${goingOn(ring, lost).join(', ')}`,
    `to have it done, send the same with confirm=${version}; nothing was changed`,
  ]
  return new KvsError('confirmation_needed', parts.filter((part) => part !== false).join('; '))
}
