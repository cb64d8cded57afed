import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from '../../../kvs/core/entry.ts'
import { parsePosition, positionAt } from '../../../kvs/core/position.ts'
import { outranks, type Rank } from '../../../kvs/core/rank.ts'
import { makeView } from '../../../kvs/view/view.ts'
import { makeSeededRandom } from '../../../tools/lab/seeded-random.ts'
import { entryOf, packed, put, remove, timeAt } from '../../support/entries.ts'
import { expectFolded, keys, makeSites, newestOf, rankIn, replay, step, take, takeOver } from './sites.ts'

const steps = fc.array(step, { maxLength: 40, size: 'max' })
const logId = 'cafe0123'
const foreign = (logId: string, sequence: bigint) => ({ origin: { logId, sequence } })

test('sites that take over each other’s logs come to the same values: those of the highest rank', () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const sites = makeSites()
      for (const step of steps) {
        take(sites, step)
        expectFolded(sites[step.site] as (typeof sites)[number])
      }
      for (const to of [...sites, ...sites]) for (const from of sites) takeOver(to, from, Infinity)
      const written = sites.flatMap(({ id, log }) =>
        log.filter(({ origin }) => origin === undefined).map((entry) => ({ ...entry, rank: rankIn(id, entry) })),
      )
      const newest = new Map<string, Entry & { rank: Rank }>()
      for (const entry of written) {
        const other = newest.get(entry.write.key)
        if (other === undefined || !outranks(other.rank, entry.rank)) newest.set(entry.write.key, entry)
      }
      for (const site of sites) {
        expectFolded(site)
        expect(site.log.length).toBe(written.length)
        expect(site.view.unmet).toBe(0)
        for (const key of keys) {
          const entry = newest.get(key)
          expect(site.view.rankOf(key)).toEqual(entry?.rank)
          expect(site.view.get(key)?.value).toEqual(entry?.write.kind === 'put' ? entry.write.value : undefined)
        }
      }
    }),
  )
})

test('a replay from a checkpoint, and in bulk, gives the view that applying each entry gave', () => {
  fc.assert(
    fc.property(steps, fc.nat(40), (steps, through) => {
      const sites = makeSites()
      for (const step of steps) take(sites, step)
      for (const site of sites) {
        const view = replay(site, Math.min(through, site.log.length))
        expectFolded({ ...site, view })
        expect(view.position).toEqual(site.view.position)
        expect(view.dependencies).toEqual(site.view.dependencies)
        for (const key of keys) expect(view.get(key)).toEqual(site.view.get(key))
      }
    }),
  )
})

test('a delete leaves its rank behind until a later put, though its key had no value', () => {
  const view = makeView({ logId, ranks: true })
  view.apply(entryOf(1n, remove('a'), { stamp: 5 }))
  expect([view.rankOf('a'), view.tombstones]).toEqual([{ stamp: 5, isExpiry: false, origin: logId }, 1])
  view.applyPacked(packed(entryOf(2n, { ...remove('a'), deadline: 0 }, { stamp: 5, ...foreign('b', 9n) })))
  expect([view.rankOf('a'), view.tombstones]).toEqual([{ stamp: 5, isExpiry: true, origin: 'b' }, 1])
  expect([view.size, view.get('a'), view.has('a', undefined)]).toEqual([0, undefined, false])
  expect(view.deadlines).toEqual({ pending: 0, lapsed: 0 })
  expect(Array.from({ length: view.segments }, (_, segment) => view.hashesIn(segment).length)).not.toContain(1)
  view.apply(entryOf(3n, { ...put('a'), deadline: 7 }, { stamp: 6 }))
  expect([view.rankOf('a'), view.tombstones]).toEqual([{ stamp: 6, isExpiry: false, origin: logId }, 0])
  expect(view.rankOf('x'.repeat(1025))).toBeUndefined()
})

test('without ranks, a view keeps what it has seen of each origin, and nothing of a delete', () => {
  const view = makeView({ logId })
  view.load(packed(entryOf(1n, remove('a'))))
  view.loaded({ sequence: 1n, digest: Buffer.alloc(8), position: positionAt(logId, 1n) })
  view.apply(entryOf(2n, { ...put('a'), after: positionAt('b', 9n) }))
  const { liveBytes } = view.memory
  expect(liveBytes).toBe(24)
  view.applyPacked(packed(entryOf(3n, { ...put('a'), after: positionAt('b', 9n) }, foreign('b', 4n))))
  expect(view.memory.liveBytes).toBe(liveBytes)
  expect([view.rankOf('a'), view.dependencyOf('a'), view.dependencies]).toEqual([undefined, undefined, undefined])
  expect(view.unmet).toBe(0)
  view.apply(entryOf(4n, remove('a')))
  expect([view.memory.liveBytes, view.tombstones, view.rankOf('a')]).toEqual([0, 0, undefined])
  expect(view.seen).toEqual(parsePosition(`${logId}=4,b=4,stamp=${timeAt(4)}000`))
})

test('a superseded entry counts as seen, and changes nothing else', () => {
  const view = makeView({ logId, ranks: true })
  const after = positionAt('c', 3n)
  view.apply(entryOf(1n, { ...remove('a'), after }, { stamp: 9 }))
  for (const write of [put('a'), { ...remove('a'), after: positionAt('c', 8n) }]) {
    const n = view.position.sequence + 1n
    view.applyPacked(packed(entryOf(n, write, { stamp: 4, superseded: true, ...foreign('b', n) })))
  }
  expect([view.rankOf('a')?.stamp, view.size, view.tombstones, view.dependencyOf('a')]).toEqual([9, 0, 1, after])
  expect(view.seen).toEqual(parsePosition(`${logId}=1,b=3,stamp=9`))
  view.apply(entryOf(4n, put('z'), { stamp: 4, superseded: true, ...foreign('c', 3n) }))
  expect([view.dependencyOf('a'), view.unmet]).toEqual([undefined, 0])
})

test('entries adopted from the textbook service count as first written here, in spite of gaps', () => {
  const view = makeView({ logId, ranks: true, gapsUpTo: 9n })
  expect(view.seen).toEqual(positionAt(logId, 0n))
  view.applyPacked(packed(entryOf(7n, put('a'), { digest: Buffer.alloc(0) })))
  expect(view.seen.sequences).toEqual(new Map([[logId, 7n]]))
})

test('tombstones of many keys are packed, compacted, and count in the memory', () => {
  const { integer, chance } = makeSeededRandom(1, 'tombstones')
  const slabBytes = 4096
  const view = makeView({ logId, ranks: true, slabBytes })
  const log: Entry[] = []
  for (let sequence = 1n; sequence <= 30_000n; sequence++) {
    const key = `key ${integer(0, sequence % 10_000n < 5_000n ? 2_000 : 200)} ${'é'.repeat(integer(0, 2))}`
    const write = chance(0.5) ? remove(key) : put(key, 'v'.repeat(integer(0, 50)))
    const origin = chance(0.5) ? foreign(`log ${integer(0, 300)}`, sequence) : {}
    const entry = entryOf(sequence, write, { stamp: integer(0, Number.MAX_SAFE_INTEGER), ...origin })
    log.push(entry)
    view.apply(entry)
    const { bytes, liveBytes } = view.memory
    if (bytes > 1.45 * liveBytes + 24 * slabBytes) expect.fail(`${bytes} bytes for ${liveBytes} at ${sequence}`)
  }
  const newest = newestOf(log)
  for (const [key, entry] of newest) expect(view.rankOf(key)).toEqual(rankIn(logId, entry))
  expect(view.size + view.tombstones).toBe(newest.size)
  for (const key of newest.keys()) view.apply(entryOf(view.position.sequence + 1n, remove(key)))
  expect([view.size, view.tombstones]).toEqual([0, newest.size])
  expect(view.memory.liveBytes).toBeGreaterThan(29 * newest.size)
  expect(view.memory.liveBytes).toBeLessThan(64 * newest.size)
})
