import { waitFor } from '../../lab/polling.ts'
import { statusOf } from '../../lab/readiness.ts'
import { makeRequester } from '../workload/request.ts'
import type { RingMemberNode } from './member-names.ts'
import type { RingContext } from './ring-drill.ts'
import type { RingHistory, RingLog, RingView } from './ring-history.ts'
import { readRingLog } from './ring-logs.ts'

/** Longest wait for nodes to serve, and for copies to be deleted, in seconds. */
const patienceSeconds = 120

type Phase = Pick<RingContext, 'stack' | 'signal' | 'violation'>

/** Waits until every node serves. One that does not is a violation. */
export async function allServe({ stack, signal, violation }: Phase): Promise<boolean> {
  for (const { name, url } of stack.nodes) {
    const isServing = async () => (await statusOf(url))?.state === 'serving'
    if (await waitFor(isServing, { boundMs: 1000 * patienceSeconds, signal, everyMs: 100 })) continue
    violation(`${name} was not serving after ${patienceSeconds} s: ${JSON.stringify(await statusOf(url))}`)
    return false
  }
  return true
}

/** What /readyz says of the ring. */
interface RingStatus {
  readonly ring?: { readonly version: string | null; readonly copies: number | null }
}

const ringStatusOf = async (url: string) => ((await statusOf(url)) as RingStatus | undefined)?.ring

/** Waits until no node has a copy of a key that is another's. One that has is a violation. */
async function noCopies({ stack, signal, violation }: Phase): Promise<void> {
  for (const { name, url } of stack.nodes) {
    const isDone = async () => (await ringStatusOf(url))?.copies === 0
    if (await waitFor(isDone, { boundMs: 1000 * patienceSeconds, signal, everyMs: 100 })) continue
    violation(`${name} has copies after ${patienceSeconds} s: ${JSON.stringify(await ringStatusOf(url))}`)
  }
}

/** Reads views once no copies are left, and again after one more SIGKILL to all nodes; then the logs. */
export async function readBack(
  context: RingContext,
  say: (step: string) => void,
): Promise<Pick<RingHistory, 'logs' | 'views'>> {
  const { stack } = context
  say('waiting until no copies are left')
  await noCopies(context)
  say('reading logs and views')
  const views = await readViews(context)
  const names = stack.nodes.map(({ name }) => name)
  await stack.kill(...names)
  await stack.start(...names)
  if (await allServe(context)) views.push(...(await readViews(context)))
  return { views, logs: await readLogs(context) }
}

async function readLogs({ stack }: Phase): Promise<RingLog[]> {
  const logs: RingLog[] = []
  for (const node of stack.nodes) {
    const client = await stack.connect(node.name)
    try {
      logs.push(await readRingLog(client, node))
    } finally {
      await client.end()
    }
  }
  return logs
}

/** How many keys are read at once. */
const readers = 16

/** Each key at each node, but bulk keys at one of them. */
async function readViews(phase: RingContext): Promise<RingView[]> {
  const { stack, workload } = phase
  const { nodes } = stack
  const { bulk } = workload
  const ofBulk = await Promise.all(
    nodes.map((node, index) =>
      readAll(
        phase,
        node,
        bulk.filter((_, number) => number % nodes.length === index),
      ),
    ),
  )
  const views: RingView[] = []
  for (const node of nodes) {
    const values = Object.assign(await readAll(phase, node, workload.keys), ...ofBulk)
    views.push({ node: node.name, values, own: await listOwn(node) })
  }
  return views
}

async function readAll({ violation }: Phase, { name, url }: RingMemberNode, keys: readonly string[]) {
  const values: Record<string, string | null> = {}
  const reading = Array.from({ length: readers }, async (_, index) => {
    const requester = makeRequester(url, 15_000)
    for (let at = index; at < keys.length; at += readers) {
      const key = keys[at] as string
      const { outcome, status, value = null, error } = await requester.get(key, { isConsistent: true })
      if (outcome === 'failed') violation(`${name} answers ${status} ${error} for the key ${key} when all is well`)
      values[key] = outcome === 'torn' ? 'torn bytes' : value
    }
    requester.close()
  })
  await Promise.all(reading)
  return values
}

/** The keys that a node lists as its own. */
async function listOwn({ name, url }: RingMemberNode): Promise<string[]> {
  const version = (await ringStatusOf(url))?.version
  if (version == null) throw new Error(`${name} is in no ring`)
  const answer = await fetch(`${url}/v1/:`, {
    headers: { 'KVS-Ring': version },
    signal: AbortSignal.timeout(30_000),
  })
  if (answer.status !== 200) throw new Error(`${name} answers ${answer.status} for a list: ${await answer.text()}`)
  return (await answer.json()) as string[]
}
