import { ownerOf, type Ring, type RingEntry } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { countSlots, formatRanges, hasSlot, type SlotRanges, slotsInBoth } from '../../../kvs/core/ring/slot-ranges.ts'
import { versionAt } from '../../../kvs/core/version.ts'
import type { RingWorld } from './ring-world.ts'
import type { KeyEntry, StoredEntry } from './world-log.ts'
import { isSameVersion, type Truth, versionText } from './world-truth.ts'

const isFormed = ({ ring }: RingEntry) => ring.positions.size > 0

/**
 * Of the logs that are in a ring that was formed, no two own a slot. Before that, each member has all to itself, and is
 * asked by its own clients alone.
 */
export function noteTwoOwners(world: RingWorld): void {
  const newest = world.addresses.flatMap((address) => {
    const { bound } = world.logOf(address)
    return bound === undefined ? [] : [{ address, ...bound }]
  })
  const formed = new Set(newest.filter(isFormed).map(({ ring }) => ring.id))
  for (const one of newest) {
    for (const other of newest) {
      if (one.address >= other.address || one.ring.id !== other.ring.id || !formed.has(one.ring.id)) continue
      const both = slotsInBoth(one.owns, other.owns)
      if (both.length > 0) note(world, `${one.address} and ${other.address} both own ${formatRanges(both)}`)
    }
  }
}

/** Looks at each entry that a log takes. */
export interface EntryChecker {
  onEntry(world: RingWorld, address: string, entry: StoredEntry): void
  /** How many keys have come to another owner. */
  readonly moved: number
}

/**
 * Holds each entry to what keys have in truth. What a client writes comes to the owner; what moves comes to a log that
 * does not own the key; and whoever takes slots over has all of their keys, as they were.
 */
export function makeEntryChecker(truth: Truth): EntryChecker {
  const owned = new Map<string, SlotRanges>()
  let moved = 0

  function onKey(world: RingWorld, address: string, entry: StoredEntry & KeyEntry): void {
    const { id, owns } = world.logOf(address)
    const isOwner = owns !== undefined && hasSlot(owns, slotOf(entry.key))
    const what = `the ${entry.kind} of ${entry.key} at ${entry.sequence} in the log of ${address}`
    if (entry.earlier !== undefined) {
      if (isOwner) note(world, `${what}, which owns it, came from another log`)
      return
    }
    if (!isOwner) note(world, `${what}, which does not own it`)
    if (entry.superseded === true) return
    const { kind, value = '', recordedAt: modifiedAt, deadline } = entry
    const { tag } = versionAt(id, entry)
    truth.wrote(entry.key, kind === 'put' ? { value: Buffer.from(value), tag, modifiedAt, deadline } : undefined)
  }

  function onRing(world: RingWorld, address: string): void {
    noteTwoOwners(world)
    const { owns = [], held } = world.logOf(address)
    const before = owned.get(address) ?? []
    owned.set(address, owns)
    for (const key of truth.keys) {
      if (!hasSlot(owns, slotOf(key)) || hasSlot(before, slotOf(key))) continue
      if (truth.of(key) !== undefined) moved++
      noteWrongValue(world, truth, address, key, held.get(key), 'takes over')
    }
  }

  return {
    onEntry(world, address, entry) {
      if (entry.kind === 'ring') onRing(world, address)
      else onKey(world, address, entry)
    },
    get moved() {
      return moved
    },
  }
}

/** Once things are quiet, each key is at its owner as it should be, and nowhere else. */
export function noteMisplacedKeys(world: RingWorld, truth: Truth): void {
  for (const address of world.addresses) {
    const { owns = [], held } = world.logOf(address)
    for (const key of truth.keys) {
      if (hasSlot(owns, slotOf(key))) noteWrongValue(world, truth, address, key, held.get(key), 'has in the end')
      else if (held.has(key)) note(world, `${address} still has a copy of ${key}: ${versionText(held.get(key))}`)
    }
  }
  for (const name of world.names) {
    const { held, address } = world.live(name)
    const log = world.logOf(address)
    for (const key of truth.keys) {
      if (!isSameVersion(held.get(key), log.held.get(key))) note(world, `${name} has not applied what its log has`)
    }
  }
}

/** Once things are quiet, all of a ring go by the same version, and own all slots between them. */
export function noteUnsettledRings(world: RingWorld): ReadonlyMap<string, Ring> {
  const { addresses, names } = world
  const currentOf = (name: string) => world.node(name).current()
  const rings = new Map<string, Ring>()
  for (const name of names) {
    const ring = currentOf(name)
    if (ring === undefined) continue
    if (ring.next !== undefined) note(world, `${name} knows of a change that was never ended`)
    const known = rings.get(ring.id) ?? ring
    if (textOf(ring) !== textOf(known)) note(world, `${name} knows another version: ${textOf(ring)}, ${textOf(known)}`)
    rings.set(ring.id, known)
  }
  for (const { id, positions } of rings.values()) {
    const inRing = addresses.filter((address) =>
      names.some((name) => world.live(name).address === address && currentOf(name)?.id === id),
    )
    for (const member of new Set(positions.values())) {
      if (!inRing.includes(member)) note(world, `${member} does not know that it is a member`)
    }
    const count = inRing.reduce((sum, address) => sum + countSlots(world.logOf(address).owns ?? []), 0)
    if (count !== 10_000) note(world, `the members own ${count} slots`)
    for (const address of inRing) {
      for (const key of world.logOf(address).keys()) {
        const owner = ownerOf(positions, slotOf(key))
        if (owner !== address) note(world, `${address} has ${key}, which is ${owner}’s`)
      }
    }
  }
  return rings
}

function noteWrongValue(
  world: RingWorld,
  truth: Truth,
  address: string,
  key: string,
  has: ReturnType<Truth['of']>,
  verb: string,
): void {
  const should = truth.of(key)
  if (isSameVersion(has, should)) return
  note(world, `${address} ${verb} ${key} with ${versionText(has)}, instead of ${versionText(should)}`)
}

function note(world: RingWorld, sentence: string): void {
  world.violations.push(sentence)
  world.note('violation', sentence)
}

const textOf = ({ id, version, home, positions, standbys }: Ring) =>
  JSON.stringify([id, version, home, [...positions].toSorted(), standbys])
