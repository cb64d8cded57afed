import type { Bench } from '../bench.ts'
import { preload, runGenerator } from '../load/generate.ts'
import type { Latency } from '../measure/stats.ts'
import { describeExpiryRound } from '../report/expiry-tables.ts'
import { number } from '../report/text.ts'
import { type Kvs, startKvs } from '../servers/embedded-node.ts'

/** What requests on a fixed schedule saw, half of them GETs and half PUTs, of keys that do not end. */
export interface ExpiryRound {
  readonly when: (typeof expiryTimes)[number]
  readonly round: number
  /** In milliseconds, from the moment at which each request was due. */
  readonly latency: Latency
}

export interface ExpiryResult {
  /** How many keys end by themselves, evenly, within so many seconds. */
  readonly keys: number
  readonly endWithin: number
  readonly rounds: readonly ExpiryRound[]
  /** Expiries that the log had when the last key had ended. */
  readonly recorded: number
}

export const expiryTimes = ['before', 'while keys end'] as const

/** Keys of one transaction, by which they are put. */
const keysAtOnce = 1_000
/** From the first put on: the keys are all there by then, and the rounds before are over. */
const leadSeconds = 120
const roundSeconds = 10
/** What is asked for: keys that stay. */
const staying = { keys: 10_000, bytes: 100 }

/** Fills a node with keys that end within a minute, and sends other requests before and while they do. */
export async function measureExpiry(bench: Bench): Promise<ExpiryResult> {
  const { args, say } = bench
  const keys = args.isQuick ? 50_000 : 1_000_000
  const [lead, endWithin] = args.isQuick ? [20, 10] : [leadSeconds, 60]
  const seconds = args.isQuick ? 5 : roundSeconds
  const kvs = await startKvs({ directory: await bench.makeDirectory('kvs') })
  bench.defer(() => kvs.stop())
  await preload(kvs, staying, bench.signal)
  const begins = Date.now() + 1_000 * lead
  say(`\nputting ${number(keys)} keys that end within ${endWithin} s`)
  await putEnding(kvs, keys, (place) => begins + Math.floor((1_000 * endWithin * place) / keys))
  const rounds: ExpiryRound[] = []
  for (let round = 1; Date.now() + 1_000 * seconds < begins && round <= 3; round++) {
    rounds.push(await watch(bench, kvs, 'before', round, seconds))
  }
  if (rounds.length === 0) throw new Error('the keys were not there before the first of them ended')
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, begins - Date.now())))
  for (let round = 1; round <= Math.floor(endWithin / seconds); round++) {
    rounds.push(await watch(bench, kvs, 'while keys end', round, seconds))
  }
  return { keys, endWithin, rounds, recorded: await expiriesOf(kvs) }
}

async function putEnding({ port }: Kvs, keys: number, deadlineOf: (place: number) => number): Promise<void> {
  let next = 0
  async function putAll(): Promise<void> {
    while (next < keys) {
      const first = next
      next += keysAtOnce
      const operations = Array.from({ length: Math.min(keysAtOnce, keys - first) }, (_, index) => {
        const place = first + index
        return { put: `ending/${place}`, value: 'v'.repeat(100), expires: new Date(deadlineOf(place)).toISOString() }
      })
      const body = JSON.stringify({ do: operations })
      const answer = await fetch(`http://127.0.0.1:${port}/v1/:`, { method: 'POST', body })
      if (answer.status !== 200) throw new Error(`a transaction got ${answer.status}: ${await answer.text()}`)
      await answer.arrayBuffer()
    }
  }
  await Promise.all([putAll(), putAll()])
}

async function watch(
  { say, signal }: Bench,
  { port, api }: Kvs,
  when: ExpiryRound['when'],
  round: number,
  seconds: number,
): Promise<ExpiryRound> {
  const { whole } = await runGenerator(
    {
      ...{
        port,
        api,
        gets: 50,
        deletes: 0,
        keys: staying.keys,
        bytes: [staying.bytes, staying.bytes],
        distribution: 'uniform',
      },
      ...{ connections: 32, rate: 2_000, seconds, seed: round },
    },
    { signal },
  )
  if (whole.failures > 0) throw new Error(`${whole.failures} requests failed ${when}`)
  const seen = { when, round, latency: whole.latency }
  say(describeExpiryRound(seen))
  return seen
}

async function expiriesOf({ port }: Kvs): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return Number(/^kvs_expiries_appended_total (\d+)/m.exec(metrics)?.[1] ?? Number.NaN)
}
