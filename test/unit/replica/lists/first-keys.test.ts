import { expect, test } from 'vitest'
import { makeFirstKeys } from '../../../../kvs/replica/lists/first-keys.ts'
import { makeSeededRandom } from '../../../../tools/lab/seeded-random.ts'

const ranges = [
  { from: Buffer.from('b'), to: Buffer.from('c') },
  { from: Buffer.from('e'), to: undefined },
]

test.each([1, 2, 3])('the first keys of the ranges are kept, whatever is added and removed (seed %i)', (seed) => {
  const random = makeSeededRandom(seed, 'first keys')
  const count = 40
  const first = makeFirstKeys(ranges, count)
  const model = new Set<string>()
  let timesEnough = 0
  for (let step = 0; step < 20_000; step++) {
    const key = `${random.pick([...'abcdefg'])}${random.integer(0, 999)}`
    const bytes = Buffer.from(`..${key}`)
    const isRemoved = random.chance(step % 5_000 < 4_000 ? 0.2 : 0.97)
    if (isRemoved) first.remove(bytes, 2, key.length)
    else first.add(bytes, 2, key.length)
    if (isRemoved) model.delete(key)
    else model.add(key)
    if (step % 50 !== 0 || !first.isEnough) continue
    timesEnough++
    const within = [...model].filter((one) => (one >= 'b' && one < 'c') || one >= 'e').toSorted()
    const everything = [{ from: Buffer.of(), to: undefined }]
    const snapshot = first.keys.snapshot()
    const kept = snapshot.walk({ ranges: everything, limit: count, delimiter: undefined }).take(count)
    snapshot.close()
    expect(kept.map(String)).toEqual(within.slice(0, count))
    expect(first.keys.size).toBeLessThan(2 * (count + 256))
  }
  expect(timesEnough).toBeGreaterThan(50)
})

test('it is not enough once too many of the kept ones are gone', () => {
  const first = makeFirstKeys([{ from: Buffer.of(), to: undefined }], 10)
  const keys = Array.from({ length: 2_000 }, (_, n) => Buffer.from(`${10_000 + n}`))
  for (const key of keys) first.add(key, 0, key.length)
  const kept = first.keys.size
  for (const key of keys.slice(0, kept - 10)) first.remove(key, 0, key.length)
  expect([first.keys.size, first.isEnough]).toEqual([10, true])
  const next = keys[kept - 10] as Buffer
  first.remove(next, 0, next.length)
  expect(first.isEnough).toBe(false)
})
