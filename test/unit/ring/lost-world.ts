import { expect } from 'vitest'
import type { KvsError } from '../../../kvs/core/errors.ts'
import { ownerOf, slotsOfMember } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { hasSlot, type SlotRanges, slotsWithout } from '../../../kvs/core/ring/slot-ranges.ts'
import { a, addresses, first } from './formed-ring.ts'
import { makeRingWorld, type RingWorld } from './ring-world.ts'
import { noteTwoOwners } from './two-owners.ts'

/** A ring of a, b and two nodes more, to whose keys a client writes until some member is lost, and after that. */
export interface LostWorld {
  readonly world: RingWorld
  /** Ends the nodes of a member for good. */
  lose(address: string): void
  /** Asks a node for what was lost to be taken out, with one version confirmed or none. */
  ask(asked: string, confirmed?: number): Promise<void>
  /** Asks a node for the members to be taken out, as somebody who confirms what the answer says. */
  removeLost(asked: string): Promise<void>
  /** Has the client stop, waits for things to be quiet, and looks at each key. */
  expectAllThere(): Promise<void>
}

const keys = Array.from({ length: 60 }, (_, index) => `key${index}`)

export async function lostWorld(seed: number, nodes = 1): Promise<LostWorld> {
  const lost: string[] = []
  /** The slots of lost members: what they have given up as well, where nobody that is left was the owner then. */
  let lostSlots: SlotRanges = []
  /** The last value that was acknowledged of each key, and those that were written since and may be there. */
  const values = new Map<string, (string | undefined)[]>(keys.map((key) => [key, [undefined]]))
  let isStopped = false
  const left = () => addresses.filter((address) => !lost.includes(address))
  const world = makeRingWorld({
    ...{ seed, addresses, nodes },
    onEntry(known, address, entry) {
      if (entry.kind === 'ring' && !lost.includes(address)) noteTwoOwners({ ...known, addresses: left() })
    },
  })
  const namesOf = (address: string) => world.names.filter((name) => world.live(name).address === address)
  await world.settle(world.node(namesOf(a)[0] as string).replace(first))
  void write()

  const isMember = (name: string) => world.isUp(name) && world.logOf(name).bound !== undefined

  async function write(): Promise<void> {
    const lane = world.scheduler.lane()
    for (let turn = 0; !isStopped; turn++) {
      await world.parts.delay(lane, 3)
      const key = keys[turn % keys.length] as string
      const owner = world.names.find((name) => isMember(name) && world.node(name).owns(key))
      if (owner === undefined || lost.includes(world.live(owner).address)) continue
      const value = `${turn}`
      values.get(key)?.push(value)
      const write = world.live(owner).write({ kind: 'put', key, value })
      const outcome = await Promise.race([write, world.parts.delay(lane, 1_000)])
      if (outcome === 'stored') values.set(key, [value])
    }
  }

  /** Whether a log keeps keys of a slot that nobody may have taken over from it. */
  const keepsOf = (address: string, slot: number) => hasSlot(world.logOf(address).bound?.keeps ?? [], slot)

  const removal = (asked: string, confirmed?: number) =>
    world.settle(world.node(namesOf(asked)[0] as string).removeLost(lost, confirmed))

  return {
    world,
    ask: removal,
    lose(address) {
      const { bound, owns = [] } = world.logOf(address)
      const had = bound === undefined ? [] : slotsOfMember(bound.ring.positions, address)
      for (const name of namesOf(address)) if (world.isUp(name)) world.kill(name)
      lost.push(address)
      lostSlots = [...lostSlots, ...owns, ...slotsWithout(had, owns)]
    },
    async removeLost(asked) {
      let confirmed: number | undefined
      // What one node alone has heard of may come up in between: then that is to be confirmed.
      for (let tries = 1; tries <= 3; tries++) {
        const refusal = await removal(asked, confirmed).then(
          () => undefined,
          (error: KvsError) => error,
        )
        if (refusal === undefined) return expect(confirmed).toBeDefined()
        if (refusal.code !== 'confirmation_needed') throw refusal
        confirmed = Number(/confirm=(\d+)/.exec(refusal.message)?.[1])
      }
      expect.unreachable()
    },
    async expectAllThere() {
      await world.pass(3_000)
      isStopped = true
      await world.pass(12_000)
      expect(world.violations).toEqual([])
      const [one, ...others] = left().map((address) => world.node(namesOf(address)[0] as string).current())
      for (const other of others) if (other !== undefined) expect(other).toEqual(one)
      expect(one).toMatchObject({ next: undefined })
      for (const key of keys) {
        const slot = slotOf(key)
        const owner = ownerOf(one?.positions ?? new Map(), slot)
        const owners = left().filter((address) => hasSlot(world.logOf(address).owns ?? [], slot))
        expect([key, owners]).toEqual([key, [owner]])
        const held = left().filter((address) => world.logOf(address).held.has(key) && !keepsOf(address, slot))
        if (held.length > 0) expect([key, held]).toEqual([key, [owner]])
        const value = world
          .logOf(owner as string)
          .held.get(key)
          ?.value.toString()
        const isLost = lostSlots.some(({ from, through }) => from <= slot && slot <= through)
        if (!isLost || value !== undefined)
          expect([key, isLost, values.get(key)]).toEqual([key, isLost, expect.arrayContaining([value])])
      }
    },
  }
}
