import { expect, test } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { nowhere } from '../../../../kvs/core/position.ts'
import { type Ring, slotsOfMember } from '../../../../kvs/core/ring/description.ts'
import { allSlots, type SlotRanges, slotsWithout } from '../../../../kvs/core/ring/slot-ranges.ts'
import type { RingLog } from '../../../../kvs/log/index.ts'
import { makeCopies } from '../../../../kvs/ring/handover/clearing-copies.ts'
import type { Pace } from '../../../../kvs/ring/handover/pace.ts'
import type { MemberClient } from '../../../../kvs/ring/member-client.ts'
import { keyIn } from '../formed-ring.ts'
import { makeLogWithNodes, ringAt, silent } from './log-node.ts'

const [a, b, c] = ['a:1', 'b:1', 'c:1']
const positions = new Map([
  [3000, a],
  [6000, b],
  [9999, c],
])
const ring = ringAt(4, positions)
const [own, ofB, ofC] = [keyIn(0, 3000), keyIn(3001, 6000), keyIn(6001, 9999)]

interface State {
  readonly ring: Ring
  readonly owns: SlotRanges
}

interface Options {
  /** Changes parts of what clears the copies. */
  readonly pace?: Pace
  readonly ringLog?: (ringLog: RingLog) => RingLog
}

/** The log of the member a:1 with keys of all members, where the others say what they own. */
function makeHolder({ pace = { after: async () => undefined }, ringLog = (real) => real }: Options = {}) {
  const holder = makeLogWithNodes(a)
  for (const key of [own, ofB, ofC]) holder.put(key)
  holder.bind(ring, slotsOfMember(positions, a))
  const { node, own: ownRing, ...logNode } = holder.startNode()
  /** What each says; one that says nothing is out of reach. */
  const says = new Map<string, State>([b, c].map((address) => [address, saysItOwns(address)]))
  const memberAt = (address: string): Pick<MemberClient, 'state'> => ({
    async state() {
      const state = says.get(address)
      if (state === undefined) throw new KvsError('cannot_forward', `${address} gives no answer`)
      return { ...state, self: address, position: nowhere }
    },
  })
  const copies = makeCopies({
    ...{ own: ownRing, node, pace, ringLog: ringLog(logNode.ringLog), logger: silent },
    ...{ memberAt: memberAt as (address: string) => MemberClient, stopping: new AbortController().signal },
  })
  const keys = () => [...holder.log.keys()].toSorted()
  return { ...holder, ownRing, node, applyAll: logNode.applyAll, says, copies, keys }
}

const saysItOwns = (address: string, version = ring.version): State => ({
  ring: { ...ring, version },
  owns: slotsOfMember(positions, address),
})

test('what others own is deleted, and then there are no copies', async () => {
  const { copies, settle, keys, ownRing, applyAll } = makeHolder()
  expect(copies.count).toBeUndefined()
  await settle(copies.clear())
  expect(keys()).toEqual([own])
  expect(copies.count).toBe(0)
  expect(ownRing.mayHoldCopies).toBe(true)
  applyAll()
  await settle(copies.clear())
  expect(ownRing.mayHoldCopies).toBe(false)
})

test('as long as writes are spooled there may be copies', async () => {
  const { copies, settle, ownRing, node, applyAll } = makeHolder()
  await settle(copies.clear())
  applyAll()
  node.spooled = () => 1
  await settle(copies.clear())
  expect(ownRing.mayHoldCopies).toBe(true)
  node.spooled = () => 0
  await settle(copies.clear())
  expect(ownRing.mayHoldCopies).toBe(false)
})

test.each<[string, State | undefined]>([
  ['is out of reach', undefined],
  ['knows an earlier version only', saysItOwns(b, ring.version - 1)],
  ['is in another ring', { ...saysItOwns(b), ring: { ...ring, id: 'cafe' } }],
  ['does not own its part yet', { ring, owns: [{ from: 3001, through: 3001 }] }],
])('what belongs to a member that %s stays', async (_, state) => {
  const { copies, settle, keys, says, ownRing } = makeHolder()
  if (state === undefined) says.delete(b)
  else says.set(b, state)
  await settle(copies.clear())
  expect(keys()).toEqual([own, ofB].toSorted())
  expect([copies.count, ownRing.mayHoldCopies]).toEqual([1, true])
  says.set(b, saysItOwns(b))
  await settle(copies.clear())
  expect(keys()).toEqual([own])
})

test('one that knows a later version says what it owns as well', async () => {
  const { copies, settle, keys, says } = makeHolder()
  says.set(b, saysItOwns(b, ring.version + 1))
  await settle(copies.clear())
  expect(keys()).toEqual([own])
})

test('nothing is deleted while a change is under way', async () => {
  const { copies, settle, keys, bind, applyAll, ownRing } = makeHolder()
  bind(ringAt(5, positions, new Map([[9999, a]])), slotsOfMember(positions, a))
  applyAll()
  await settle(copies.clear())
  expect(keys()).toEqual([own, ofB, ofC].toSorted())
  expect([copies.count, ownRing.mayHoldCopies]).toEqual([undefined, true])
})

test('an entry on the ring that came since the keys were looked for ends it', async () => {
  const holder = makeHolder({
    ringLog: (real) => ({
      ...real,
      async openMover() {
        holder.bind(ringAt(5, positions, new Map([[9999, a]])), slotsOfMember(positions, a))
        for (const address of [b, c]) holder.says.set(address, saysItOwns(address, 5))
        return real.openMover()
      },
    }),
  })
  await holder.settle(holder.copies.clear())
  expect(holder.keys()).toEqual([own, ofB, ofC].toSorted())
})

test('and so does one that comes between two batches, whether the node has applied it or not', async () => {
  for (const isApplied of [false, true]) {
    const holder = makeHolder({
      pace: {
        async after() {
          holder.bind(ringAt(5, positions, new Map([[9999, a]])), slotsOfMember(positions, a))
          if (isApplied) holder.applyAll()
        },
      },
    })
    for (let number = 0; number < 2_000; number++) holder.put(`${number}`)
    holder.applyAll()
    const { size } = await holder.node.keysIn(slotsWithout(allSlots, holder.ownRing.owns))
    await holder.settle(holder.copies.clear())
    expect(holder.copies.count).toBe(isApplied ? undefined : size - 500)
    const { entries } = holder.log
    const deletes = entries.filter(({ kind }) => kind === 'delete')
    expect(deletes.length).toBe(500)
    expect(entries.at(-1)?.kind).toBe('ring')
  }
})
