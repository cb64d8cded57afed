import { expect, test } from 'vitest'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { systemClock } from '../../../kvs/lib/clock.ts'
import { systemRandom } from '../../../kvs/lib/random.ts'
import type { Changes } from '../../../kvs/ring/changes.ts'
import { keepUp } from '../../../kvs/ring/keeping-up.ts'
import type { MemberClient } from '../../../kvs/ring/member-client.ts'
import { makeOwnRing } from '../../../kvs/ring/own-ring.ts'
import { ringAt, silent } from './handover/log-node.ts'

const [a, b] = ['a:1', 'b:1']
const ring: Ring = { ...ringAt(1, new Map([[3000, a]])), home: a, standbys: [b] }

/** How often a standby has its log get ready in three rounds, while it knows this of the ring. */
async function readyIn(known: Ring): Promise<number> {
  const own = makeOwnRing(b, silent)
  own.hear(known)
  const over = new AbortController()
  let [rounds, ready] = [0, 0]
  await keepUp(
    {
      own,
      node: { noWritesReason: () => undefined },
      binding: { getReady: () => void ready++, repeat: async () => undefined },
      changes: {} as Changes,
      memberAt: () => ({ state: async () => ({ ring: known, self: a, owns: [] }) }) as unknown as MemberClient,
      takeOver: async () => undefined,
      ...{ logger: silent, random: systemRandom },
      clock: {
        ...systemClock,
        async sleep() {
          if (++rounds === 3) over.abort()
        },
      },
    },
    over.signal,
  )
  return ready
}

test('the log is kept ready for entries while a change is under way, and only then', async () => {
  expect(await readyIn({ ...ring, next: new Map([[8000, b]]) })).toBe(3)
  expect(await readyIn(ring)).toBe(0)
})

test('a log that takes no writes is tried every ten seconds, and its reason is told once', async () => {
  const own = makeOwnRing(b, silent)
  own.hear(ring)
  const over = new AbortController()
  const warned: string[] = []
  const triedAt: number[] = []
  let now = 0
  await keepUp(
    {
      own,
      node: { noWritesReason: () => 'its disk is full' },
      binding: {
        getReady: () => undefined,
        async repeat() {
          triedAt.push(now)
          throw new Error('the log takes no writes')
        },
      },
      changes: {} as Changes,
      memberAt: () => ({ state: async () => ({ ring, self: a, owns: [] }) }) as unknown as MemberClient,
      takeOver: async () => undefined,
      ...{ logger: { ...silent, warn: (sentence: string) => void warned.push(sentence) }, random: systemRandom },
      clock: {
        ...systemClock,
        now: () => now,
        async sleep() {
          now += 2_500
          if (now > 35_000) over.abort()
        },
      },
    },
    over.signal,
  )
  expect(triedAt).toEqual([10_000, 20_000, 30_000])
  expect(warned).toEqual(['the ring: the log takes no writes'])
})
