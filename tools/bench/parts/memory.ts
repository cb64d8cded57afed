import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../bench.ts'
import { preload } from '../load/generate.ts'
import { memoryOf, memoryOfTree } from '../measure/proc.ts'
import { mebibytes, number } from '../report/text.ts'
import { type Kvs, startKvs } from '../servers/embedded-node.ts'
import { startRedis } from '../servers/redis.ts'

/** Resident memory of one process, in bytes. */
export interface Held {
  /** Memory without any key. */
  readonly empty: number
  /** Memory after each key was written once. */
  readonly loaded: number
  /** Memory after each restart. */
  readonly restarted: readonly number[]
}

export interface MemoryOfKeys {
  readonly keys: number
  readonly bytes: number
  readonly kvs: Held
  /** Memory of the embedded Postgres after the restarts. */
  readonly postgres: number
  readonly redis?: Held
}

export interface MemoryResult {
  readonly sets: readonly MemoryOfKeys[]
}

export async function measureMemory(bench: Bench): Promise<MemoryResult> {
  const sets: MemoryOfKeys[] = []
  for (const keys of bench.args.isQuick ? [10_000, 100_000] : [100_000, 1_000_000]) {
    bench.say(`\n${number(keys)} keys with values of 100 bytes`)
    sets.push(await measureKeys(bench, keys, 100))
  }
  return { sets }
}

interface Patience {
  /** Time before each measurement, in which memory that is soon freed goes. */
  readonly settleMs: number
  readonly restarts: number
  readonly signal: AbortSignal
}

async function measureKeys(bench: Bench, keys: number, bytes: number): Promise<MemoryOfKeys> {
  const directory = await bench.makeDirectory('kvs')
  const { signal } = bench
  const patience = {
    ...(bench.args.isQuick ? { settleMs: 1_000, restarts: 1 } : { settleMs: 4_000, restarts: 3 }),
    signal,
  }
  let postgres = 0
  const kvs = await measureProcess<Kvs>({
    ...patience,
    start: () => startKvs({ directory }),
    load: (server) => preload(server, { keys, bytes }, signal),
    observe: ({ postgresPid }) => {
      postgres = memoryOfTree(postgresPid)
    },
  })
  bench.say(`  kvs    ${describe(kvs)}, and Postgres beside it ${mebibytes(postgres)}`)
  const binary = bench.tool('redis-server')
  if (binary === undefined) return { keys, bytes, kvs, postgres }
  const home = await bench.makeDirectory('redis')
  const redis = await measureProcess({
    ...patience,
    start: () => startRedis(binary, home),
    load: (server) => server.load(keys, bytes),
  })
  bench.say(`  Redis  ${describe(redis)}`)
  return { keys, bytes, kvs, postgres, redis }
}

interface Steps<S> extends Patience {
  readonly start: () => Promise<S>
  readonly load: (server: S) => Promise<void>
  readonly observe?: (server: S) => void
}

async function measureProcess<S extends { readonly pid: number; stop(): Promise<void> }>(
  steps: Steps<S>,
): Promise<Held> {
  async function withServer<T>(use: (server: S) => Promise<T>): Promise<T> {
    const server = await steps.start()
    try {
      return await use(server)
    } finally {
      await server.stop()
    }
  }
  const resident = async ({ pid }: S) => {
    await sleep(steps.settleMs, undefined, { signal: steps.signal })
    return memoryOf(pid).resident
  }
  const { empty, loaded } = await withServer(async (server) => {
    const empty = await resident(server)
    await steps.load(server)
    return { empty, loaded: await resident(server) }
  })
  const restarted: number[] = []
  while (restarted.length < steps.restarts) {
    restarted.push(
      await withServer(async (server) => {
        const bytes = await resident(server)
        steps.observe?.(server)
        return bytes
      }),
    )
  }
  return { empty, loaded, restarted }
}

function describe({ empty, loaded, restarted }: Held): string {
  const after = restarted.map((bytes) => number(bytes / 1024 ** 2)).join(', ')
  return `${mebibytes(empty)} empty, ${mebibytes(loaded)} once loaded, ${after} MiB after restarts`
}
