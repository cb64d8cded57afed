import { expect, test } from 'vitest'
import type { MemberEntry } from '../../../kvs/log/index.ts'
import { makeMembership } from '../../../kvs/sites/member-changes.ts'
import { makeMemberSet } from '../../../kvs/sites/member-set.ts'
import type { PeerClient } from '../../../kvs/sites/peer-client.ts'
import { at, makeLogger, makeOwnSite, settle } from './fixtures.ts'
import { makeManualClock } from './manual-clock.ts'

const [own, near, dead] = ['here:1', 'near:1', 'dead:1']

const entryOf = (isMember: boolean, stamp: number): MemberEntry => ({
  ...{ isMember, stamp, origin: 'here', isExpiry: false, sequence: BigInt(stamp), originSequence: BigInt(stamp) },
})

/** A group of three, one of which answers nothing. */
function makeGroup() {
  const time = makeManualClock()
  const changes = new Map<string, MemberEntry>()
  const asked: [address: string, isTold: boolean][] = []
  const siteLog = {
    readMembers: async () => new Map(changes),
    async appendMember({ kind, key }: { kind: 'join' | 'leave'; key: string }) {
      const stamp = changes.size + 1
      changes.set(key, entryOf(kind === 'join', stamp))
      return { sequence: BigInt(stamp), digest: Buffer.alloc(0), recordedAt: 0, stamp }
    },
  }
  const connect = (address: string): PeerClient => ({
    open: () => Promise.reject(new Error('nothing is followed here')),
    askPosition(seen, signal) {
      asked.push([address, seen !== undefined])
      return address === dead ? untilAborted(signal) : Promise.resolve(at({ near: 1 }))
    },
    askCopy: () => Promise.reject(new Error('nobody waits here')),
    askDigests: () => Promise.reject(new Error('nobody compares')),
    askUnlike: () => Promise.reject(new Error('nobody compares')),
    rejoin: (_, signal) => (address === dead ? untilAborted(signal) : Promise.resolve()),
  })
  const set = makeMemberSet({ siteLog, configured: [own, near, dead], own })
  const { site } = makeOwnSite()
  const { logger } = makeLogger()
  return {
    time,
    asked,
    changes,
    set,
    membership: makeMembership({ set, siteLog, site, own, connect, logger, clock: time.clock }),
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

test('a member is asked for its writes before it is taken out, and then hears of it with the others', async () => {
  const { time, asked, membership } = makeGroup()
  const removal = membership.remove(near)
  await time.pass(2_100)
  expect(await removal).toBe('removed')
  expect(membership.list()).toEqual([own, dead])
  expect(asked.slice(0, 1)).toEqual([[near, false]])
  expect(asked.slice(1).toSorted()).toEqual([
    [dead, true],
    [near, true],
  ])
})

test('a client waits 2 s for a dead member that it takes out, and no longer', async () => {
  const { time, asked, membership } = makeGroup()
  const removal = membership.remove(dead)
  await time.pass(2_100)
  expect(await removal).toBe('removed')
  expect(asked).toEqual([
    [dead, false],
    [near, true],
  ])
})

test('a node that has not read the members yet does so before it changes them', async () => {
  const { time, changes, membership } = makeGroup()
  changes.set(near, entryOf(false, 0))
  const addition = membership.add(near)
  await time.pass(2_100)
  expect(await addition).toBe('added')
  changes.set(dead, entryOf(false, 0))
  expect(await membership.remove(dead)).toBe('not there')
})

test('a site that was taken out changes nothing: nobody would hear of it', async () => {
  const { changes, membership } = makeGroup()
  changes.set(own, entryOf(false, 1))
  const refusal = expect.objectContaining({ code: 'removed', message: expect.stringContaining('nothing was done') })
  await expect(membership.add(own)).rejects.toEqual(refusal)
  await expect(membership.add('new:1')).rejects.toEqual(refusal)
  await expect(membership.remove(near)).rejects.toEqual(refusal)
  expect([...changes.keys()]).toEqual([own])
})

test('a site that does not have the entry yet that added it does not take itself out: that could be the older one', async () => {
  const { changes, set, membership } = makeGroup()
  changes.set(own, entryOf(false, 1))
  await set.refresh()
  set.noteAdded({ stamp: 7_200, origin: 'near', isExpiry: false })
  await expect(membership.remove(own)).rejects.toMatchObject({ code: 'behind' })
  expect(membership.list()).toContain(own)
  changes.set(own, entryOf(true, 7_200))
  const removal = membership.remove(own)
  expect(await Promise.race([removal, settle()])).toBeUndefined()
})
