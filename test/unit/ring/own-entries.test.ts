import { expect, test } from 'vitest'
import type { RingEntry } from '../../../kvs/core/ring/description.ts'
import { formatRingEntry } from '../../../kvs/core/ring/ring-text.ts'
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
  const state = {
    session: 1,
    calls: [] as string[],
    /** When the node notes what was stored. */
    notes: 'once applied' as 'once applied' | 'once caught up' | 'never',
    /** What the log has in the place of what is appended. */
    other: undefined as string | undefined,
    isOvertaken: false,
    isBehind: false,
    onAppend: () => {},
  }
  function note(when: typeof state.notes): void {
    const last = stored.at(-1)
    if (last !== undefined && state.notes === when) own.note(last)
  }
  const parts = {
    own,
    node: {
      session: () => state.session,
      logId: () => 'cafe',
      sequence: () => BigInt(stored.length),
      waitForHead: async () => note('once caught up'),
      async waitFor() {
        if (state.isBehind) throw new Error('the node is behind')
        note('once applied')
      },
    },
    ringLog: {
      async append(text: string, seen: bigint) {
        state.calls.push('append')
        state.onAppend()
        const sequence = seen + 1n
        if (state.isOvertaken) {
          state.isOvertaken = false
          return undefined
        }
        stored.push({ sequence, text: state.other ?? text })
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

test('an entry that is applied counts once the node goes by it', async () => {
  const { own, state, entries } = setUp()
  state.notes = 'once caught up'
  await entries.append(version(1))
  expect(own.bound?.ring.version).toBe(1)
  expect(state.calls).toEqual(['disconnect', 'append'])
})

const lacks = { code: 'log_down', message: expect.stringContaining(`the log that ${self} follows lacks the entry 1`) }

test('an entry that another server took than the one that the node follows counts for nothing', async () => {
  const { own, state, entries } = setUp()
  state.notes = 'never'
  await expect(entries.append(version(1))).rejects.toMatchObject(lacks)
  expect(own.bound).toBeUndefined()
  expect(state.calls).toEqual(['disconnect', 'append', 'disconnect'])
})

test('nor does it where the log that the node follows has another one in its place', async () => {
  const { state, entries } = setUp()
  state.other = formatRingEntry({ ring: ringAt(1, new Map([[2, self]])), self, owns: allSlots })
  await expect(entries.append(version(1))).rejects.toMatchObject(lacks)
})

test('a connection that leads away from the log that the node follows is left', async () => {
  const { state, entries } = setUp()
  state.isBehind = true
  await expect(entries.append(version(1))).rejects.toThrow('the node is behind')
  state.isBehind = false
  state.isOvertaken = true
  await entries.append(version(2))
  expect(state.calls).toEqual(['disconnect', 'append', 'disconnect', 'append', 'disconnect', 'append'])
})

test('getting ready leaves an append alone that is under way', async () => {
  const { state, entries } = setUp()
  state.onAppend = () => {
    state.session++
    entries.getReady()
  }
  await entries.append(version(1))
  expect(state.calls).toEqual(['disconnect', 'append'])
})
