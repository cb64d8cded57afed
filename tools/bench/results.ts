import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Arguments } from './arguments.ts'
import type { Machine } from './measure/machine.ts'
import type { ExpiryResult } from './parts/expiry.ts'
import type { LargeResult } from './parts/large.ts'
import type { LatencyResult } from './parts/latency.ts'
import type { ListsResult } from './parts/lists.ts'
import type { LoggingResult } from './parts/logging.ts'
import type { MemoryResult } from './parts/memory.ts'
import type { RingResult } from './parts/ring.ts'
import type { NodesResult } from './parts/several-nodes.ts'
import type { SitesResult } from './parts/sites.ts'
import type { SnapshotResult } from './parts/snapshot.ts'
import type { SoakResult } from './parts/soak.ts'
import type { StartResult } from './parts/start.ts'
import type { ThroughputResult } from './parts/throughput.ts'
import type { TransactionsResult } from './parts/transactions.ts'

/** Latest results of each part of the benchmark, which make up the table. */
export interface Results {
  readonly throughput?: Stored<ThroughputResult>
  readonly latency?: Stored<LatencyResult>
  readonly logging?: Stored<LoggingResult>
  readonly start?: Stored<StartResult>
  readonly memory?: Stored<MemoryResult>
  readonly nodes?: Stored<NodesResult>
  readonly lists?: Stored<ListsResult>
  readonly transactions?: Stored<TransactionsResult>
  readonly sites?: Stored<SitesResult>
  readonly ring?: Stored<RingResult>
  readonly expiry?: Stored<ExpiryResult>
  readonly snapshot?: Stored<SnapshotResult>
  readonly large?: Stored<LargeResult>
  readonly soak?: Stored<SoakResult>
}

export interface Stored<T> {
  /** Time of the measurement, as ISO 8601. */
  readonly at: string
  readonly machine: Machine
  readonly seconds: number
  readonly runs: number
  readonly result: T
}

type Name = keyof Results
const names: readonly Name[] = [
  'throughput',
  'latency',
  'logging',
  'start',
  'memory',
  'nodes',
  'lists',
  'transactions',
  'sites',
  'ring',
  'expiry',
  'snapshot',
  'large',
  'soak',
]

/** Directory of the results. Quick ones are kept apart, so that they do not replace good ones. */
function folderOf({ out, isQuick }: Pick<Arguments, 'out' | 'isQuick'>): string {
  return join(out, isQuick ? 'quick' : 'latest')
}

export async function readLatest(args: Pick<Arguments, 'out' | 'isQuick'>): Promise<Results> {
  const found = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folderOf(args), `${name}.json`), 'utf8').catch(() => undefined)
      return text === undefined ? [] : [[name, JSON.parse(text)] as const]
    }),
  )
  return Object.fromEntries(found.flat())
}

export async function keepLatest(args: Pick<Arguments, 'out' | 'isQuick'>, results: Results): Promise<void> {
  await mkdir(folderOf(args), { recursive: true })
  const before = await readLatest(args)
  for (const [name, stored] of Object.entries(merge(before, results))) {
    await writeFile(join(folderOf(args), `${name}.json`), toJson(stored))
  }
}

/** Merges throughput case by case: `throughput get` keeps what is known of PUTs. */
export function merge(before: Results, after: Results): Results {
  const { throughput } = after
  const old = before.throughput?.result.runs ?? []
  if (throughput === undefined) return after
  const measured = new Set(throughput.result.runs.map((run) => run.case))
  const runs = [...old.filter((run) => !measured.has(run.case)), ...throughput.result.runs]
  return { ...after, throughput: { ...throughput, result: { runs } } }
}

/** Returns a pattern that matches the files. */
export async function keepPictures(
  args: Pick<Arguments, 'out' | 'isQuick'>,
  pictures: Readonly<Record<string, string>>,
): Promise<string> {
  await mkdir(folderOf(args), { recursive: true })
  for (const [name, svg] of Object.entries(pictures)) await writeFile(join(folderOf(args), name), svg)
  return join(folderOf(args), '*.svg')
}

/** Writes all that one call has measured to a file of its own. */
export async function keepRaw({ out }: Pick<Arguments, 'out'>, results: Results): Promise<string> {
  await mkdir(out, { recursive: true })
  const path = join(out, `${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.json`)
  await writeFile(path, toJson(results))
  return path
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}
