import { setTimeout as sleep } from 'node:timers/promises'
import { statusOf } from '../../lab/readiness.ts'
import type { Bench } from '../bench.ts'
import { cpuPerRequest } from '../measure/measured-run.ts'
import { type Cpu, memoryOf } from '../measure/proc.ts'
import { makeBacklog } from '../measure/site-backlog.ts'
import { describeImport } from '../report/sites-tables.ts'
import { number } from '../report/text.ts'
import type { Kvs } from '../servers/embedded-node.ts'
import { makeSites, type SiteNode } from '../servers/site-nodes.ts'

/** An empty site took over all that another one had. */
export interface SiteImport {
  readonly round: number
  readonly entries: number
  /** From the moment at which both were ready until the view of the empty one had all. */
  readonly seconds: number
  /** CPU time an entry in microseconds: of the node and the Postgres that take over, and of those that send. */
  readonly taking: Readonly<Record<string, Cpu>>
  readonly sending: Readonly<Record<string, Cpu>>
  /** Resident memory of the node that takes over, at its peak, in bytes. */
  readonly peak: number
}

export async function measureImports(bench: Bench, rounds: number): Promise<SiteImport[]> {
  const { args, say, signal } = bench
  const entries = args.isQuick ? 100_000 : 1_000_000
  const full = await bench.makeDirectory('full')
  say(`\nmaking a backlog of ${number(entries)} entries`)
  await makeBacklog(full, { entries, bytes: 100, batch: 50 }, signal)
  const imports: SiteImport[] = []
  for (let round = 1; round <= rounds; round++) {
    signal.throwIfAborted()
    const one = await measureImport(bench, { full, empty: await bench.makeDirectory('empty'), entries, round })
    imports.push(one)
    say(describeImport(one, rounds))
  }
  return imports
}

interface Importing {
  readonly full: string
  readonly empty: string
  readonly entries: number
  readonly round: number
  /** Options of the node executable for the site that takes over. */
  readonly node?: readonly string[]
}

/** Starts the empty site first, so that it begins when the other one is ready. */
export async function measureImport(
  { signal }: Pick<Bench, 'signal'>,
  { full, empty, entries, round, node = [] }: Importing,
): Promise<SiteImport> {
  const [sends, takes] = (await makeSites([full, empty])) as [SiteNode, SiteNode]
  await using stack = new AsyncDisposableStack()
  const run = async (site: SiteNode, options = {}) => {
    const kvs = await site.start(options)
    stack.defer(() => kvs.stop())
    return kvs
  }
  const taking = await run(takes, { node })
  const sending = await run(sends)
  const before = { taking: taking.cpu(), sending: sending.cpu(), at: performance.now() }
  await untilTaken(taking, await logIdOf(sending), entries, signal)
  const seconds = (performance.now() - before.at) / 1_000
  return {
    ...{ round, entries, seconds, peak: memoryOf(taking.pid).peak },
    taking: cpuPerRequest(before.taking, taking.cpu(), entries),
    sending: cpuPerRequest(before.sending, sending.cpu(), entries),
  }
}

async function logIdOf(kvs: Kvs): Promise<string> {
  const position = await positionOf(kvs)
  return /^[^=,]+/.exec(position)?.[0] ?? ''
}

async function positionOf({ port }: Kvs): Promise<string> {
  return (await statusOf(`http://127.0.0.1:${port}`))?.position ?? ''
}

/** Resolves once the node's view has a log through a sequence. */
async function untilTaken(kvs: Kvs, logId: string, sequence: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const reached = new RegExp(`\\b${logId}=(\\d+)`).exec(await positionOf(kvs))?.[1]
    if (Number(reached) >= sequence) return
    await sleep(100, undefined, { signal })
  }
}
