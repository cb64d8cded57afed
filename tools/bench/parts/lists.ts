import { fileURLToPath } from 'node:url'
import type { Bench } from '../bench.ts'
import { keyFor } from '../load/entries.ts'
import { runGenerator } from '../load/generate.ts'
import { type ListSeen, makeListAgent, readList } from '../load/lists.ts'
import { makeFilledNode } from '../measure/kvs-data.ts'
import type { Run } from '../measure/measured-run.ts'
import { interleave } from '../measure/rounds.ts'
import type { Latency } from '../measure/stats.ts'
import { describeHoldUp } from '../report/lists-tables.ts'
import { describeRun } from '../report/runs.ts'
import { number } from '../report/text.ts'
import { type Kvs, startKvs } from '../servers/embedded-node.ts'
import { measurePutsAlike, sendPuts } from './puts-alike.ts'

/** What GETs on a fixed schedule saw while lists were asked for, one after the other. */
export interface HoldUp {
  readonly during: (typeof holdUpKinds)[number]
  readonly round: number
  /** Of the GETs, in milliseconds, from the moment at which each was due. */
  readonly gets: Latency
  /** By how much the node's event loop was late at most, in milliseconds: so long it holds up everything. */
  readonly late: number
  /** The same without the time in which other processes had the node's core. */
  readonly busy: number
  /** Of the lists, in milliseconds. */
  readonly lists: readonly number[]
}

export interface ListsResult {
  readonly keys: number
  /** Of a node after its start, in milliseconds: its first page, which a scan answers. */
  readonly firstPage: number
  /** And its first list of all keys, right after that. */
  readonly firstList: number
  readonly holdUps: readonly HoldUp[]
  /**
   * PUTs on two nodes alike. `put new before` has new keys before the first list on either; `put new after` the same
   * after one on the node `listed`; and so `put old` for keys that the nodes have.
   */
  readonly runs: readonly Run[]
}

export const holdUpKinds = ['no list', 'the build', 'pages of 1,000', 'lists of all keys'] as const
export const listCases = ['put new before', 'put old before', 'put new after', 'put old after'] as const
const page = 1_000
const bytes = 100
/** GETs a second: few, so that what holds one up is not the others. */
const getsPerSecond = 500
/** Of so many keys that a drawn one is a new one. */
const manyKeys = 10_000_000_000

export async function measureLists(bench: Bench): Promise<ListsResult> {
  const { args, say } = bench
  const keys = args.isQuick ? 100_000 : 1_000_000
  say(`\nmaking two nodes with ${number(keys)} keys`)
  const delays = noDelays()
  const plain = await startFilled(bench, 'plain', keys, noDelays())
  const listed = await startFilled(bench, 'listed', keys, delays)
  for (const node of [plain, listed]) await sendPuts(bench, node, { keys, seed: 1_000_000 })
  const runs: Run[] = []
  await measurePuts(bench, { plain, listed }, keys, 'before', runs)
  const agent = makeListAgent()
  bench.defer(() => agent.destroy())
  const ask = (path: string) => readList(agent, listed.port, path)

  say('\nGETs at a fixed rate while lists are asked for')
  const first: { page?: ListSeen; list?: ListSeen } = {}
  const watched = { node: listed, delays }
  const holdUps = [await watch(bench, watched, 'no list', 1, async () => undefined)]
  const building = async () => {
    if (first.list !== undefined) return undefined
    first.page = await ask(`/v1/:?limit=${page}`)
    first.list = await ask('/v1/:')
    return first.list
  }
  holdUps.push(await watch(bench, watched, 'the build', 1, building))
  for (let round = 1; round <= args.runs; round++) {
    if (round > 1) holdUps.push(await watch(bench, watched, 'no list', round, async () => undefined))
    const after = () => encodeURIComponent(keyFor(Math.floor(Math.random() * keys)))
    const asked = () => ask(`/v1/:?limit=${page}&after=${after()}`)
    holdUps.push(await watch(bench, watched, 'pages of 1,000', round, asked))
    holdUps.push(await watch(bench, watched, 'lists of all keys', round, () => ask('/v1/:')))
  }

  await measurePuts(bench, { plain, listed }, keys, 'after', runs)
  const { page: firstPage, list: firstList } = first
  if (firstPage === undefined || firstList === undefined) throw new Error('the first lists were not answered in time')
  if (firstList.keys < keys) throw new Error(`the list has ${firstList.keys} of ${keys} keys`)
  return { keys, firstPage: firstPage.milliseconds, firstList: firstList.milliseconds, holdUps, runs }
}

/** The most that a node has told of, in milliseconds, since both were last set to 0. */
interface Delays {
  late: number
  busy: number
}

const noDelays = (): Delays => ({ late: 0, busy: 0 })

async function startFilled(bench: Bench, name: string, keys: number, delays: Delays): Promise<Kvs> {
  const directory = await bench.makeDirectory(name)
  await makeFilledNode(directory, { entries: keys, keys, bytes }, bench.signal)
  const kvs = await startKvs({
    directory,
    node: ['--import', fileURLToPath(new URL('../servers/report-delays.ts', import.meta.url))],
    onMessage(message) {
      const { lateMs, busyMs } = message as { readonly lateMs: number; readonly busyMs: number }
      delays.late = Math.max(delays.late, lateMs)
      delays.busy = Math.max(delays.busy, busyMs)
    },
  })
  bench.defer(() => kvs.stop())
  return kvs
}

/** Sends GETs for some seconds, and asks for lists one after the other until they are over, or none is left. */
async function watch(
  { args, say, signal }: Bench,
  { node: { port, api }, delays }: { readonly node: Kvs; readonly delays: Delays },
  during: HoldUp['during'],
  round: number,
  ask: () => Promise<ListSeen | undefined>,
): Promise<HoldUp> {
  const lists: number[] = []
  Object.assign(delays, noDelays())
  let isOver = false
  const seconds = during === 'the build' ? 20 : 2 * args.seconds
  const sending = runGenerator(
    {
      ...{ port, api, gets: 100, deletes: 0, keys: 1_000, distribution: 'uniform', bytes: [bytes, bytes] },
      ...{ connections: 8, rate: getsPerSecond, seconds, seed: round },
    },
    { signal },
  ).finally(() => {
    isOver = true
  })
  while (!isOver) {
    const seen = await ask()
    if (seen === undefined) break
    lists.push(seen.milliseconds)
  }
  const { whole } = await sending
  if (whole.failures > 0) throw new Error(`${whole.failures} GETs failed while there was ${during}`)
  const holdUp = { during, round, gets: whole.latency, ...delays, lists }
  say(describeHoldUp(holdUp))
  return holdUp
}

interface Pair {
  /** Never asked for a list. */
  readonly plain: Kvs
  readonly listed: Kvs
}

/** Loads both nodes at once: what the machine does meanwhile, it does to both. */
async function measurePuts(
  bench: Bench,
  nodes: Pair,
  keys: number,
  when: 'before' | 'after',
  runs: Run[],
): Promise<void> {
  const { args, say, signal } = bench
  const cases = [
    { which: 'new', of: manyKeys },
    { which: 'old', of: keys },
  ] as const
  say(`\nPUTs ${when} the first list, on both nodes at once: new keys, and keys that are there`)
  await interleave({ rounds: args.runs, signal }, cases, async ({ which, of }, round) => {
    const seed = round + (when === 'before' ? 0 : 1_000)
    const name = `put ${which} ${when}`
    for (const run of await measurePutsAlike(bench, { ...nodes }, { keys: of, seed }, { case: name, round })) {
      runs.push(run)
      say(`${describeRun(run, args.runs)}  ${run.case}`)
    }
  })
}
