import { statusOf } from '../../lab/readiness.ts'
import { type Context, type Drill, isServing } from '../drill.ts'
import type { NodeName, StackNode } from '../stack/stack.ts'
import { stopNode } from '../stopping.ts'
import {
  clientsThatSawErrors,
  forwardedNothing,
  spooledNothing,
  supersededNothing,
  transferredNothing,
} from './expectations.ts'
import { kill } from './processes.ts'

/** Settings with which a request for a position that a node can't reach does not hold up its client. */
const env = { KVS_WAIT_TIMEOUT: '1s' }
const maxLagSeconds = 1

const oneOf = ({ stack, random }: Context): StackNode => random.pick(stack.nodes)

async function killOne(context: Context): Promise<void> {
  await kill(context, oneOf(context).name)
}

async function cutOne(context: Context): Promise<void> {
  const { stack, random, pause, lasting, becomes } = context
  const { name } = oneOf(context)
  const network = stack.networkOf(name)
  const way = random.pick(['cut', 'cut', 'drop', 'drop to postgres', 'drop from postgres'] as const)
  await becomes(isServing, 60, name)
  await lasting(`${way}: ${name}`, async () => {
    if (way === 'cut') await network.cut()
    else await network.drop(way === 'drop' ? 'both' : way === 'drop to postgres' ? 'to postgres' : 'from postgres')
    await expectLogDown(context, name)
    await pause(0.5, 3)
    await network.heal()
  })
}

/** Checks that a node that is cut off says so and goes on reading. */
async function expectLogDown({ stack, workload, becomes, violation }: Context, name: NodeName): Promise<void> {
  if (!(await becomes(({ state }) => state === 'log down', 20, name))) {
    violation(`${name} did not notice within 20 s that it was cut off`)
    return
  }
  const url = stack.nodes.find((node) => node.name === name)?.url ?? ''
  const path = `/v1/${encodeURIComponent(workload.keys[0] ?? '')}`
  const { status } = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) })
  if (status !== 200 && status !== 404) violation(`a read of ${name} was answered ${status} while it was cut off`)
}

async function pauseOne(context: Context): Promise<void> {
  const { stack, pause, lasting, becomes, moment, violation } = context
  const { name } = oneOf(context)
  await becomes(isServing, 60, name)
  await lasting(`pause ${name}`, async () => {
    await stack.pause(name)
    await pause(0.2, 2)
    const head = await headOf(context)
    await pause(maxLagSeconds + 0.1, maxLagSeconds + 2)
    // Asked before it can have heard of anything
    const asked = stack.status(name)
    await stack.resume(name)
    const status = await asked
    if (status === undefined) return
    moment(`${name} says ${status.state}`)
    const position = Number(status.position?.split('=')[1] ?? 0)
    if (status.state === 'serving' && position < head) {
      violation(`${name} said that it was serving, at ${position}, when the log had been at ${head} for KVS_MAX_LAG`)
    }
    if (status.state === 'behind' && status.http !== 503) violation(`/readyz answered ${status.http} for a node behind`)
  })
}

async function headOf({ stack }: Context): Promise<number> {
  const client = await stack.connect()
  try {
    const { rows } = await client.query<{ sequence: string }>('SELECT sequence FROM end_of_log')
    return Number(rows[0]?.sequence)
  } finally {
    await client.end()
  }
}

async function restartEach(context: Context): Promise<void> {
  const { stack, pause, lasting, becomes, violation } = context
  for (const node of stack.nodes) {
    const { name } = node
    await lasting(`restart ${name}`, async () => {
      const flaw = await stopNode(node, () => stack.stop(name))
      if (flaw) violation(flaw)
      await pause(0, 0.5)
      await stack.start(name)
      if (!(await becomes(isServing, 60, name))) violation(`${name} was not serving within 60 s of its start`)
    })
    await pause(0, 0.5)
  }
}

async function split(context: Context): Promise<void> {
  const { stack, random, pause, lasting, becomes } = context
  const names = stack.nodes.map(({ name }) => name)
  for (const name of names) await becomes(isServing, 60, name)
  await lasting('split', async () => {
    for (const name of names) {
      await stack.networkOf(name).cut()
      await pause(0, 0.3)
    }
    for (const name of names) await expectLogDown(context, name)
    await pause(0.5, 2.5)
    for (const name of random.chance(0.5) ? names : names.toReversed()) {
      await stack.networkOf(name).heal()
      await pause(0, 0.5)
    }
  })
}

async function killForwarded(context: Context): Promise<void> {
  const { stack, random, pause, lasting, violation } = context
  await lasting('kill kvs', async () => {
    await stack.kill('kvs')
    for (const { name, url } of stack.forwarders) {
      const status = await statusOf(url)
      if (status && status.http !== 503) {
        violation(`${name} said that it was ready, ${status.http}, while the node that it forwards to was down`)
      }
    }
    if (random.chance(0.5)) await pause(0, 2)
    await stack.start('kvs')
  })
}

async function killAny(context: Context): Promise<void> {
  const { name } = oneOf(context)
  await kill(context, ...context.random.pick([[name], [name], ['postgres'], [name, 'postgres']] as const))
}

/** Drills of several nodes on one log. */
export const nodesDrills: readonly Drill[] = [
  {
    name: 'kill-one-of-three',
    sentence: 'One of three nodes is killed with SIGKILL and started again; clients go from node to node.',
    stack: { nodes: 3, env },
    fault: killOne,
  },
  {
    name: 'cut-one',
    sentence: 'One of three nodes is cut off from Postgres: it reads and spools, and overwrites nothing newer.',
    stack: { nodes: 3, env },
    fault: cutOne,
    expects: spooledNothing,
  },
  {
    name: 'pause-one',
    sentence: 'One of three nodes is frozen for longer than KVS_MAX_LAG: it must say that it is behind, or not be it.',
    stack: { nodes: 3, env: { ...env, KVS_MAX_LAG: `${maxLagSeconds}s`, KVS_TAIL_INTERVAL: '200ms' } },
    fault: pauseOne,
  },
  {
    name: 'rolling-restart',
    sentence:
      'Each of three nodes in turn is told to stop and started again; no client that asks another sees an error.',
    stack: { nodes: 3, env },
    fault: restartEach,
    expects: clientsThatSawErrors,
  },
  {
    name: 'kill-forwarded',
    sentence: 'The node that two others forward to is killed with SIGKILL and started again; clients ask all three.',
    stack: { forwarders: true },
    fault: killForwarded,
    expects: forwardedNothing,
  },
  {
    name: 'split',
    sentence:
      'Two nodes are both cut off from Postgres and spool writes to the same keys: both end with the same view.',
    stack: { nodes: 2, env },
    fault: split,
    expects: supersededNothing,
  },
  {
    name: 'transfers',
    sentence:
      '100 clients transfer between 50 accounts at three nodes while nodes and Postgres are killed: each list of all ' +
      'accounts comes to the same sum.',
    stack: { nodes: 3, env },
    transfers: { clients: 100, accounts: 50 },
    fault: killAny,
    expects: transferredNothing,
  },
]
