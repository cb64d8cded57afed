import { type Positions, type Ring, type RingEntry, slotsOfMember } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { formatRanges, hasSlot, type SlotRanges, slotsInBoth } from '../../../kvs/core/ring/slot-ranges.ts'
import { versionAt } from '../../../kvs/core/version.ts'
import type { StoredEntry } from '../../../kvs/log/memory/index.ts'
import type { Cluster } from '../cluster.ts'
import { memberName } from '../schedule.ts'
import { type Commit, isExpiry, isOfKey, isOfRing, isPut } from './commit.ts'

/** What a key has: a text that two versions share where they are the same; undefined for nothing. */
type Version = string | undefined

interface MemberState {
  readonly name: string
  readonly logId: string
  /** When the member was lost for good; Infinity for never. */
  readonly lostAt: number
  /** What its newest entry on the ring says; undefined where it has none. */
  bound: RingEntry | undefined
  readonly held: Map<string, Version>
}

/** What keys have in truth. */
interface Truth {
  readonly versions: Map<string, Version>
  /** Those that a log has ended that did not own their keys. Whoever owns them ends them as well, sooner or later. */
  readonly lapsed: Set<Version>
  /** The log that has last come to own a key. */
  readonly owners: Map<string, MemberState>
  /** Positions of each version of the ring. */
  readonly positions: Map<number, Positions>
  /** Keys that were lost with a member. What the next owner had of them is the truth from then on. */
  readonly lostKeys: Set<string>
}

export interface MovesVerdict {
  readonly violations: readonly string[]
  readonly lostKeys: ReadonlySet<string>
}

/**
 * Holds all logs to what keys have in truth, which is what was written to them, in the order of the commits. What is
 * written comes to the owner; what moves comes to a log that does not own the key; whoever takes slots over has all of
 * their keys, as they were; and no two own a slot. In the end each key is at its owner and nowhere else.
 * @param lostAt numbers of members that were lost for good, with the virtual time at which they were
 */
export function checkMoves(
  commits: readonly Commit[],
  clusters: readonly Cluster[],
  lostAt: ReadonlyMap<number, number> = new Map(),
): MovesVerdict {
  const violations = new Set<string>()
  const truth: Truth = {
    ...{ versions: new Map(), lapsed: new Set(), owners: new Map(), positions: new Map(), lostKeys: new Set() },
  }
  const states: MemberState[] = clusters.map(({ logServer }, member) => ({
    ...{ name: memberName(member), logId: logServer.logId, lostAt: lostAt.get(member) ?? Infinity },
    ...{ bound: undefined, held: new Map() },
  }))
  for (const { at, member, entry } of commits) {
    const state = states[member]
    if (state === undefined) continue
    const there = states.filter((one) => one.lostAt > at)
    if (isOfRing(entry)) for (const sentence of takeRing(state, entry, there, truth)) violations.add(sentence)
    else if (isOfKey(entry)) for (const sentence of takeKey(state, entry, truth)) violations.add(sentence)
  }
  for (const state of states.filter((one) => one.lostAt === Infinity)) {
    for (const sentence of misplacedAt(state, truth)) violations.add(sentence)
  }
  return { violations: [...violations], lostKeys: truth.lostKeys }
}

function takeKey(state: MemberState, entry: StoredEntry, truth: Truth): string[] {
  const { name, logId, bound, held } = state
  const { key, earlier, sequence } = entry
  if (entry.superseded) return []
  const isOwner = bound === undefined || hasSlot(bound.owns, slotOf(key))
  const what = `${name}: the ${isPut(entry) ? 'put' : 'delete'} of ${key} at ${sequence}`
  const { tag, modifiedAt } = earlier ?? { tag: versionAt(logId, entry).tag, modifiedAt: entry.recordedAt }
  const version = isPut(entry) ? `${entry.value} (${tag}, of ${modifiedAt}, until ${entry.deadline})` : undefined
  const before = held.get(key)
  held.set(key, version)
  if (earlier !== undefined) return isOwner ? [`${what}, which owns it, came from another log`] : []
  if (!isOwner && isExpiry(entry)) {
    truth.lapsed.add(before)
    return []
  }
  truth.versions.set(key, version)
  truth.owners.set(key, state)
  return isOwner ? [] : [`${what} is in a log that does not own it`]
}

function* takeRing(
  state: MemberState,
  entry: StoredEntry,
  states: readonly MemberState[],
  truth: Truth,
): Generator<string> {
  const before = state.bound?.owns ?? []
  state.bound = ringEntryIn(entry.key)
  yield* twoOwners(state, states)
  const { owns = [], ring } = state.bound ?? {}
  if (ring !== undefined && ring.next === undefined) truth.positions.set(ring.version, ring.positions)
  for (const key of truth.versions.keys()) {
    const slot = slotOf(key)
    if (!hasSlot(owns, slot) || hasSlot(before, slot)) continue
    if (ring !== undefined && isLost(key, ring, states, truth)) {
      truth.lostKeys.add(key)
      truth.versions.set(key, state.held.get(key))
    } else yield* unlike(state, key, truth, 'takes over')
    truth.owners.set(key, state)
  }
}

/** Whether a key was at a member that a version of the ring counts as lost: its log's own, or to be its by the ring. */
function isLost(key: string, { lost = [] }: Ring, there: readonly MemberState[], truth: Truth): boolean {
  const owner = truth.owners.get(key)
  if (lost.length === 0 || owner === undefined) return false
  if (!there.includes(owner)) return true
  return lost.some(({ address, after }) =>
    hasSlot(slotsOfMember(truth.positions.get(after) ?? new Map(), address), slotOf(key)),
  )
}

/** Of the logs in a ring that was formed. Before that, each has all keys to itself. */
function* twoOwners(state: MemberState, states: readonly MemberState[]): Generator<string> {
  const { bound } = state
  const isFormed = states.some((one) => one.bound?.ring.id === bound?.ring.id && one.bound?.ring.positions.size)
  if (bound === undefined || !isFormed) return
  for (const other of states) {
    if (other === state || other.bound?.ring.id !== bound.ring.id) continue
    const both: SlotRanges = slotsInBoth(bound.owns, other.bound.owns)
    if (both.length > 0) yield `${state.name} and ${other.name} both own ${formatRanges(both)}`
  }
}

function* misplacedAt(state: MemberState, truth: Truth): Generator<string> {
  const { bound, held, name } = state
  for (const key of truth.versions.keys()) {
    if (bound !== undefined && hasSlot(bound.owns, slotOf(key))) yield* unlike(state, key, truth, 'has in the end')
    else if (hasSlot(bound?.keeps ?? [], slotOf(key))) continue
    else if (held.get(key) !== undefined) yield `${name} still has a copy of ${key} in the end: ${held.get(key)}`
  }
}

function* unlike({ held, name }: MemberState, key: string, truth: Truth, verb: string): Generator<string> {
  const [has, should] = [held.get(key), truth.versions.get(key)]
  if (has === should || (has === undefined && truth.lapsed.has(should))) return
  yield `${name} ${verb} ${key} with ${has ?? 'nothing'} instead of ${should ?? 'nothing'}`
}
