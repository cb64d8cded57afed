import { expect, test } from 'vitest'
import type { MemberEntry } from '../../../kvs/log/index.ts'
import { followMembers, InVain } from '../../../kvs/sites/following.ts'
import { makeMemberSet } from '../../../kvs/sites/member-set.ts'
import type { Lead, Peer } from '../../../kvs/sites/peer.ts'
import { makeOwnSite } from './fixtures.ts'
import { makeManualClock } from './manual-clock.ts'

test('where the members could not be read, the node that leads reads them again', async () => {
  const time = makeManualClock()
  let readings = 0
  const siteLog = {
    async readMembers(): Promise<ReadonlyMap<string, MemberEntry>> {
      readings++
      if (readings === 1) throw new Error('too many connections')
      return new Map([
        ['q', { stamp: 1, origin: 'there', isExpiry: false, isMember: true, sequence: 1n, originSequence: 1n }],
      ])
    },
  }
  const set = makeMemberSet({ siteLog, configured: ['p'], own: 'o' })
  await expect(set.refresh()).rejects.toThrow('too many connections')
  expect(set.isStale).toBe(true)

  const followed: string[] = []
  const peerAt = (address: string) =>
    ({
      status: { address, state: 'following', log: address },
      follow(_: Lead, signal: AbortSignal) {
        followed.push(address)
        return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      },
    }) as unknown as Peer
  const stopping = new AbortController()
  const never = new Promise<never>(() => undefined)
  const lead = { target: { logId: 'here', lost: never }, intake: { failed: never } } as unknown as Lead
  const following = followMembers({
    ...{ set, peerAt, site: makeOwnSite().site, clock: time.clock, signal: stopping.signal },
    ...{ ending: new AbortController(), lead },
  })
  await time.pass(3_010)
  expect([followed, set.isStale, readings]).toEqual([['p', 'q'], false, 2])
  stopping.abort()
  await following
})

test('a node whose view stays behind what it has taken over leaves the lead to another one', async () => {
  const time = makeManualClock()
  const set = makeMemberSet({ siteLog: { readMembers: async () => new Map() }, configured: [], own: 'o' })
  const never = new Promise<never>(() => undefined)
  const intake: { failed: Promise<never>; awaited: bigint | undefined } = { failed: never, awaited: undefined }
  const lead = { target: { logId: 'here', lost: never }, intake } as unknown as Lead
  const ending = new AbortController()
  let outcome = 'leads'
  const following = followMembers({
    ...{ set, peerAt: () => expect.fail('there is nobody'), site: makeOwnSite().site, clock: time.clock },
    ...{ signal: new AbortController().signal, ending, lead },
  }).catch((error) => {
    outcome = error instanceof InVain ? error.message : 'failed'
  })
  for (let batch = 1n; batch <= 3n; batch++) {
    intake.awaited = batch
    await time.pass(20_000)
  }
  expect(outcome).toBe('leads')
  await time.pass(20_000)
  await following
  expect([outcome, ending.signal.aborted]).toEqual(['this node does not get to the entry 3 of its log', true])
})
