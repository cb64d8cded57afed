import { expect, test } from 'vitest'
import type { Rank } from '../../../kvs/core/rank.ts'
import type { MemberEntry } from '../../../kvs/log/index.ts'
import { makeMemberSet } from '../../../kvs/sites/member-set.ts'

const own = 'here:1'
const entry = (isMember: boolean, stamp: number): MemberEntry => ({
  ...{ isMember, stamp, isExpiry: false, origin: 'there', sequence: BigInt(stamp), originSequence: BigInt(stamp) },
})
const rank = (stamp: number): Rank => ({ stamp, isExpiry: false, origin: 'there' })

/** A site that was taken out by an entry with the stamp 5. */
async function makeRemoved() {
  const entries = new Map([[own, entry(false, 5)]])
  const set = makeMemberSet({
    siteLog: { readMembers: async () => new Map(entries) },
    configured: [own, 'there:1'],
    own,
  })
  await set.refresh()
  const heard: boolean[] = []
  set.onChange(() => heard.push(set.isRemoved))
  return { entries, set, heard }
}

test('a site that was taken out is a member again as soon as it hears of a newer entry, which it does not have', async () => {
  const { set, heard } = await makeRemoved()
  expect([set.isRemoved, set.removal, set.list()]).toEqual([true, entry(false, 5), ['there:1']])
  set.noteAdded(rank(6))
  expect([set.isRemoved, set.removal, set.list()]).toEqual([false, undefined, [own, 'there:1']])
  await set.refresh()
  expect([set.isRemoved, heard]).toEqual([false, [false]])
})

test('an older entry changes nothing', async () => {
  const { set, heard } = await makeRemoved()
  set.noteAdded(rank(4))
  expect([set.isRemoved, heard]).toEqual([true, []])
})

test('whatever else takes it out counts, until it hears of what added it again', async () => {
  const { entries, set, heard } = await makeRemoved()
  set.noteAdded(rank(9))
  entries.set(own, entry(false, 7))
  await set.refresh()
  expect([set.isRemoved, set.isNoted]).toEqual([true, false])
  set.noteAdded(rank(9))
  expect([set.isRemoved, set.isNoted, heard]).toEqual([false, true, [false, true, false]])
})

test('a site that is a member takes note of nothing: it can be taken out as before', async () => {
  const { entries, set } = await makeRemoved()
  entries.set(own, entry(true, 6))
  await set.refresh()
  set.noteAdded(rank(1_000))
  entries.set(own, entry(false, 8))
  await set.refresh()
  expect(set.isRemoved).toBe(true)
})

test('once it has the entry, nothing changes', async () => {
  const { entries, set, heard } = await makeRemoved()
  set.noteAdded(rank(6))
  expect(set.isNoted).toBe(true)
  entries.set(own, entry(true, 6))
  await set.refresh()
  expect([set.isRemoved, set.isNoted, heard]).toEqual([false, false, [false]])
})
