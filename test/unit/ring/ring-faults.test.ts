import { describe, expect, test } from 'vitest'
import { ownerOf } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { countSlots, formatRanges, slotsInBoth } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeRingWorld, type RingWorld } from './ring-world.ts'

const addresses = ['10.0.0.3:5000', '10.0.0.4:5000', '10.0.0.5:5000', '10.0.0.6:5000', '10.0.0.7:5000']
const keys = Array.from({ length: 12 }, (_, index) => `key${index}`)

/** What goes wrong, and what clients ask for, at moments that a seed chooses. */
async function runSchedule(seed: number): Promise<RingWorld> {
  const world = makeRingWorld({ addresses, seed, onEntry: noteTwoOwners })
  const { random } = world
  const any = () => addresses[random.integer(0, addresses.length - 1)] as string
  const ignore = () => undefined

  function change(): Promise<void> {
    const node = world.node(any())
    const kind = random.integer(0, 5)
    if (kind <= 1) return node.add(random.integer(0, 9_999), any())
    if (kind === 2) return node.remove(any())
    const count = random.integer(1, 4)
    return node.replace(new Map(Array.from({ length: count }, () => [random.integer(0, 9_999), any()])))
  }

  for (let step = 0; step < 60; step++) {
    const dice = random.integer(0, 9)
    const address = any()
    if (dice <= 2) {
      if (world.isUp(address)) change().catch(ignore)
    } else if (dice <= 5) {
      const key = keys[random.integer(0, keys.length - 1)] as string
      if (world.isUp(address)) void (dice <= 4 ? world.remove(address, key) : world.put(address, key))
    } else if (dice <= 7) {
      if (world.isUp(address)) world.kill(address)
      else world.start(address)
    }
    await world.pass(random.integer(1, 200))
    if (dice === 9) await world.pass(random.integer(0, 5_000))
  }
  for (const address of addresses) if (!world.isUp(address)) world.start(address)
  await world.pass(120_000)
  return world
}

/**
 * Of the logs that are in a ring that was formed, no two own a slot, and no two have a key. Before that, each member
 * has all to itself, and is asked by its own clients alone.
 */
function noteTwoOwners(world: RingWorld): void {
  const newest = addresses.flatMap((address) => {
    const entry = world.logOf(address).entries.findLast(({ kind }) => kind === 'ring')
    const found = entry?.kind === 'ring' ? ringEntryIn(entry.text) : undefined
    return found === undefined ? [] : [{ address, ...found }]
  })
  const formed = new Set(newest.filter(({ ring }) => ring.positions.size > 0).map(({ ring }) => ring.id))
  for (const one of newest) {
    for (const other of newest) {
      if (one.address >= other.address || one.ring.id !== other.ring.id || !formed.has(one.ring.id)) continue
      const both = slotsInBoth(one.owns, other.owns)
      if (both.length > 0) {
        world.lines.push(`${one.address} and ${other.address} both own ${formatRanges(both)}`)
        world.violations.push(world.lines.at(-1) as string)
      }
    }
  }
}

describe('whatever fails at whatever moment', () => {
  test('no slot has two owners, each change ends by itself, and each key is at its owner', async () => {
    let formed = 0
    for (let seed = 1; seed <= 150; seed++) {
      const world = await runSchedule(seed)
      const rings = addresses.map((address) => world.node(address).current())
      const where = `seed ${seed}\n${world.lines.join('\n')}`
      expect(world.violations, where).toEqual([])
      for (const ring of rings) expect(ring?.next, where).toBe(undefined)
      for (const id of new Set(rings.flatMap((ring) => ring?.id ?? []))) {
        const inRing = addresses.filter((address) => world.node(address).current()?.id === id)
        const versions = new Set(inRing.map((address) => world.node(address).versionText()))
        expect([...versions], where).toHaveLength(1)
        const { positions } = world.node(inRing[0] as string).current() as NonNullable<(typeof rings)[number]>
        formed++
        const owned = inRing.reduce((sum, address) => sum + countSlots(world.logOf(address).owns ?? []), 0)
        expect(owned, where).toBe(10_000)
        for (const address of inRing) {
          for (const key of world.logOf(address).keys()) expect(ownerOf(positions, slotOf(key)), where).toBe(address)
        }
      }
    }
    // Else the test would show little.
    expect(formed).toBeGreaterThan(75)
  })
})
