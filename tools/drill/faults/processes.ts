import type { Context, Drill } from '../drill.ts'
import type { Service } from '../stack/stack.ts'
import { stopNode } from '../stopping.ts'

/** Kills services, and starts them after a while. */
export async function kill(context: Context, ...services: Service[]): Promise<void> {
  const { stack, random, pause, lasting } = context
  await lasting(`kill ${services.join(' and ')}`, async () => {
    await stack.kill(...services)
    if (random.chance(0.5)) await pause(0, 2)
    await stack.start(...services)
  })
}

/** Sends SIGTERM, after which kvs must end by itself, as `stopNode` says. */
export async function stop(context: Context, service: Service): Promise<void> {
  const { stack, random, pause, lasting, violation } = context
  await lasting(`stop ${service}`, async () => {
    const node = stack.nodes.find(({ name }) => name === service)
    if (node === undefined) {
      await stack.stop(service)
    } else {
      const flaw = await stopNode(node, () => stack.stop(service))
      if (flaw) violation(flaw)
    }
    if (random.chance(0.5)) await pause(0, 3)
    await stack.start(service)
  })
}

export async function pauseService(context: Context, service: Service): Promise<void> {
  const { stack, pause, lasting } = context
  await lasting(`pause ${service}`, async () => {
    await stack.pause(service)
    // POSTGRES_TIMEOUT is 2 s: some pauses are noticed, some are not.
    await pause(0.3, 4)
    await stack.resume(service)
  })
}

export const processDrills: readonly Drill[] = [
  {
    name: 'kill-kvs',
    sentence: 'kvs is killed with SIGKILL and started again.',
    fault: (context) => kill(context, 'kvs'),
  },
  {
    name: 'kill-postgres',
    sentence: 'Postgres is killed with SIGKILL and started again.',
    fault: (context) => kill(context, 'postgres'),
  },
  {
    name: 'kill-both',
    sentence: 'kvs and Postgres are killed at once and started again.',
    fault: (context) => kill(context, ...(context.random.chance(0.5) ? services : services.toReversed())),
  },
  {
    name: 'stop-kvs',
    sentence: 'kvs is told to stop with SIGTERM, must end by itself with 0, and is started again.',
    fault: (context) => stop(context, 'kvs'),
  },
  {
    name: 'stop-postgres',
    sentence: 'Postgres is told to stop and started again.',
    fault: (context) => stop(context, 'postgres'),
  },
  {
    name: 'pause-kvs',
    sentence: 'kvs is frozen for a while, its connections open, and goes on.',
    fault: (context) => pauseService(context, 'kvs'),
  },
  {
    name: 'pause-postgres',
    sentence: 'Postgres is frozen for a while, its connections open, and goes on.',
    fault: (context) => pauseService(context, 'postgres'),
  },
]

const services: readonly Service[] = ['kvs', 'postgres']
