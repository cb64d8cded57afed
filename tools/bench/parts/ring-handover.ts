import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../bench.ts'
import { preload } from '../load/generate.ts'
import { generate } from '../load/generator.ts'
import type { Window } from '../load/recorder.ts'
import { interleave } from '../measure/rounds.ts'
import type { Latency } from '../measure/stats.ts'
import { describeHandover } from '../report/ring-tables.ts'
import type { Kvs } from '../servers/embedded-node.ts'
import { movedTo, type RingNode, setRing, untilNoCopies } from '../servers/ring-nodes.ts'
import { makeThree, thirds } from './ring.ts'

/** A third of the keys moved to another member while clients went on. */
export interface Handover {
  /** KVS_HANDOVER_RATE, in keys a second. */
  readonly limit: (typeof handoverLimits)[number]
  readonly round: number
  readonly keys: number
  /** From the request for the change until its answer. */
  readonly seconds: number
  /** Latencies of clients in milliseconds, right before and during the change. */
  readonly before: Latency
  readonly during: Latency
  /** Reason why it does not count; absent if it does. */
  readonly problem?: string
}

export const handoverLimits = [1_000, 3_000, 10_000] as const
/** Requests a second of clients to any member on a fixed schedule, half of them PUTs: well below the peak. */
export const clientRate = 300

/**
 * The third member goes and comes again, once at each limit in each round. A node takes another limit with a restart.
 */
export async function measureHandovers(bench: Bench): Promise<Handover[]> {
  const { args, say, signal } = bench
  const keys = args.isQuick ? 6_000 : 60_000
  const nodes = await makeThree(bench)
  await using first = await startAll(nodes)
  await setRing(first.members[0], thirds(nodes))
  await preload(first.members[0], { keys, bytes: 100 }, signal)
  await first.stop()
  const handovers: Handover[] = []
  say(`\nkeys that move, at up to so many a second, while clients send ${clientRate} requests a second`)
  await interleave({ rounds: args.runs, signal }, handoverLimits, async (limit, round) => {
    await using ring = await startAll(nodes, { KVS_HANDOVER_RATE: String(limit) })
    const load = { members: ring.members, keys, seconds: 2 * args.seconds, seed: round }
    // Nodes that have just started are slow, and what comes before a change would be, too.
    await sendFor(load, signal)
    for (const { positions, taker } of changesOf(nodes, ring.members)) {
      const seen = await measureChange(load, () => setRing(ring.members[1], positions), taker, signal)
      const handover = { limit, round, ...seen }
      handovers.push(handover)
      say(describeHandover(handover, args.runs))
      await untilNoCopies(ring.members)
    }
  })
  return handovers
}

type Three = readonly [Kvs, Kvs, Kvs]

async function startAll(nodes: readonly RingNode[], env: Readonly<Record<string, string>> = {}) {
  await using stack = new AsyncDisposableStack()
  const members: Kvs[] = []
  for (const node of nodes) {
    const member = await node.start(env)
    stack.defer(() => member.stop())
    members.push(member)
  }
  const started = stack.move()
  const stop = () => started.disposeAsync()
  return { members: members as unknown as Three, stop, [Symbol.asyncDispose]: stop }
}

/** The third member's keys go to the first one, and back. */
function changesOf(nodes: readonly RingNode[], [one, , three]: Three) {
  return [
    { positions: thirds(nodes.slice(0, 2)), taker: one },
    { positions: thirds(nodes), taker: three },
  ]
}

interface ClientLoad {
  readonly members: Three
  readonly keys: number
  readonly seconds: number
  readonly seed: number
}

async function measureChange(
  load: ClientLoad,
  change: () => Promise<void>,
  taker: Kvs,
  signal: AbortSignal,
): Promise<Omit<Handover, 'limit' | 'round'>> {
  await sleep(1_000, undefined, { signal })
  const before = await sendFor(load, signal)
  const moved = await movedTo(taker)
  const over = new AbortController()
  const sending = sendUntil(load, AbortSignal.any([over.signal, signal]))
  const since = performance.now()
  await change().finally(() => over.abort())
  const seconds = (performance.now() - since) / 1_000
  const during = await sending
  signal.throwIfAborted()
  const failures = before.failures + during.failures
  return {
    ...{ keys: (await movedTo(taker)) - moved, seconds, before: before.latency, during: during.latency },
    ...(failures > 0 && { problem: `${failures} requests failed` }),
  }
}

function sendFor(load: ClientLoad, signal: AbortSignal): Promise<Window> {
  return sendUntil(load, AbortSignal.any([AbortSignal.timeout(1_000 * load.seconds), signal]))
}

/** From this very process, which does nothing else meanwhile. */
function sendUntil({ members, keys, seed }: ClientLoad, until: AbortSignal): Promise<Window> {
  const nodes = members.map(({ port }) => ({ port }))
  return generate(
    {
      ...{ port: 0, nodes, api: 'kvs', gets: 50, deletes: 0, keys, bytes: [100, 100], distribution: 'uniform' },
      ...{ connections: 30, rate: clientRate, seed },
    },
    undefined,
    until,
  )
}
