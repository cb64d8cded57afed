import { expect, test } from 'vitest'
import { type BackoffOptions, makeBackoff } from '../../../kvs/lib/backoff.ts'
import { systemClock } from '../../../kvs/lib/clock.ts'
import { systemRandom } from '../../../kvs/lib/random.ts'

const { signal } = new AbortController()

/** The pauses in milliseconds, none of which is waited for. */
async function pausesOf(tries: number, fraction: number, options: BackoffOptions = {}): Promise<number[]> {
  const slept: number[] = []
  const clock = { ...systemClock, sleep: async (ms: number) => void slept.push(ms) }
  const backoff = makeBackoff({ ...options, clock, random: { ...systemRandom, fraction: () => fraction } })
  for (let done = 0; done < tries; done++) await backoff.pause(signal)
  backoff.reset()
  await backoff.pause(signal)
  return slept
}

test('the first pause is none, and each one after the second is twice the last, up to a bound', async () => {
  expect(await pausesOf(7, 1)).toEqual([100, 200, 400, 800, 1_600, 2_000])
  expect(await pausesOf(4, 1, { firstMs: 10, maxMs: 15 })).toEqual([10, 15, 15])
})

test('chance takes up to half of a pause away', async () => {
  expect(await pausesOf(3, 0)).toEqual([50, 100])
  expect(await pausesOf(3, 0.5)).toEqual([75, 150])
})
