import { expect, test } from 'vitest'
import { KvsError } from '../../../kvs/core/errors.ts'
import { nowhere } from '../../../kvs/core/position.ts'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { formatRingEntry } from '../../../kvs/core/ring/ring-text.ts'
import { allSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import { systemClock } from '../../../kvs/lib/clock.ts'
import { systemRandom } from '../../../kvs/lib/random.ts'
import { type ChangesParts, makeChanges } from '../../../kvs/ring/changes.ts'
import type { MemberClient } from '../../../kvs/ring/member-client.ts'
import { makeOwnRing } from '../../../kvs/ring/own-ring.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const [a, b] = ['a:1', 'b:1']
const noPage = async () => ({ position: nowhere, items: [], last: undefined })
const wanted = new Map([
  [3000, a],
  [8000, b],
])

/** The home a:1 of a ring with b:1, where `decide` says what the log makes of the versions that the home decides. */
function makeHome(decide: (ring: Ring, append: (ring: Ring) => void) => boolean, give: () => Promise<void>) {
  const own = makeOwnRing(a, silent)
  const told: string[] = []
  let sequence = 0n
  const append = (ring: Ring) => {
    own.note({ sequence: ++sequence, text: formatRingEntry({ ring, self: a, owns: allSlots }) })
  }
  const memberAt = (address: string): MemberClient => ({
    state: async () => ({ ring: undefined, self: address, owns: [], position: nowhere }),
    give: async (_, isCheck) => {
      if (!isCheck) await give()
      return nowhere
    },
    take: async () => ({ state: 'taken', keys: 0, obstacle: undefined }),
    movedKeys: noPage,
    movedChanges: noPage,
    movedAnswers: async () => ({ answers: [], through: 0n, isLast: true }),
    learn: async ({ version, positions }) => void told.push(`${address} ${version} ${positions.size}`),
    change: async () => undefined,
  })
  const nothing = async () => undefined
  const parts: ChangesParts = {
    ...{ own, memberAt, askAround: nothing, stopping: new AbortController().signal },
    node: { waitForHead: nothing } as unknown as ChangesParts['node'],
    binding: {
      getReady: () => undefined,
      give: async () => nowhere,
      prepare: nothing,
      settle: nothing,
      decideWithout: async () => false,
      decide: async (ring) => decide(ring, append),
      repeat: nothing,
    },
    ...{ logger: silent, clock: systemClock, random: systemRandom },
  }
  return { changes: makeChanges(parts), told, own }
}

const asked = { asker: a, change: { kind: 'replace', positions: wanted } } as const

test('what another node of the home has decided is what everybody is told', async () => {
  const { changes, told } = makeHome(
    (ring, append) => {
      if (ring.next !== undefined) append(ring)
      // Another node could not reach b:1, and has called the change off.
      else append({ ...ring, positions: new Map(), standbys: [] })
      return ring.next !== undefined
    },
    async () => undefined,
  )
  await expect(changes.change(asked)).rejects.toMatchObject({ code: 'ring_conflict' })
  expect(told).toEqual(['a:1 2 0', 'b:1 2 0'])
})

test('so is one that it has made, though this node could not', async () => {
  const { changes, told } = makeHome(
    (ring, append) => {
      append(ring.next === undefined ? { ...ring, positions: wanted } : ring)
      return ring.next !== undefined
    },
    async () => {
      throw new KvsError('ring_conflict', 'no')
    },
  )
  await changes.change(asked)
  expect(told.toSorted()).toEqual(['a:1 2 2', 'b:1 2 2'])
})

test('nothing is told while nothing is decided, and a change that waits for it gives up', async () => {
  let appends = 0
  const { changes, told } = makeHome(
    (ring, append) => {
      appends++
      // So that one that goes in circles comes to an end.
      if (ring.next === undefined && appends < 20) throw new KvsError('log_down')
      append(ring)
      return true
    },
    async () => undefined,
  )
  // It has begun, and is made or called off later: the first one is not told that nothing was done.
  const underWay = 'the change is under way still: a:1 makes it or calls it off once its log answers'
  await expect(changes.change(asked)).rejects.toMatchObject({ code: 'cannot_forward', message: underWay })
  await expect(changes.change(asked)).rejects.toMatchObject({ code: 'log_down' })
  expect(told).toEqual([])
  expect(appends).toBe(3)
})
