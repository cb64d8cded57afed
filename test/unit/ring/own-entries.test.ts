import { expect, test } from 'vitest'
import type { RingEntry } from '../../../kvs/core/ring/description.ts'
import { allSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import type { RingChangeEntry } from '../../../kvs/log/index.ts'
import { makeOwnEntries, type OwnEntriesParts } from '../../../kvs/ring/own-entries.ts'
import { makeOwnRing } from '../../../kvs/ring/own-ring.ts'
import { ringAt, silent } from './handover/log-node.ts'

const self = 'a:1'

/** A node, and the server that its connection for entries on the ring leads to. */
function setUp() {
  const own = makeOwnRing(self, silent)
  const stored: RingChangeEntry[] = []
  const state = { session: 1, follows: true, calls: [] as string[] }
  const parts = {
    own,
    node: {
      session: () => state.session,
      logId: () => 'cafe',
      sequence: () => BigInt(stored.length),
      waitForHead: async () => undefined,
      async waitFor() {
        const last = stored.at(-1)
        if (state.follows && last !== undefined) own.note(last)
      },
    },
    ringLog: {
      async append(text: string, seen: bigint) {
        state.calls.push('append')
        const sequence = seen + 1n
        stored.push({ sequence, text })
        return { sequence, digest: Buffer.alloc(4), recordedAt: 0, stamp: 0 }
      },
      getReady: () => void state.calls.push('get ready'),
      disconnect: () => void state.calls.push('disconnect'),
    },
  }
  return { own, state, entries: makeOwnEntries(parts as unknown as OwnEntriesParts) }
}

const version = (number: number) => (bound: RingEntry | undefined) =>
  bound?.ring.version === number ? undefined : { ring: ringAt(number, new Map([[1, self]])), self, owns: allSlots }

test('one connection is kept for as long as the node’s session lasts', async () => {
  const { state, entries } = setUp()
  entries.getReady()
  await entries.append(version(1))
  await entries.append(version(2))
  expect(state.calls).toEqual(['disconnect', 'get ready', 'append', 'append'])
  state.calls = []
  state.session++
  await entries.append(version(3))
  state.session++
  entries.getReady()
  expect(state.calls).toEqual(['disconnect', 'append', 'disconnect', 'get ready'])
})

test('an entry that another server took than the one that the node follows counts for nothing', async () => {
  const { own, state, entries } = setUp()
  state.follows = false
  await expect(entries.append(version(1))).rejects.toMatchObject({
    code: 'log_down',
    message: expect.stringContaining(`the log that ${self} follows lacks the entry 1`),
  })
  expect(own.bound).toBeUndefined()
  expect(state.calls).toEqual(['disconnect', 'append', 'disconnect'])
})
