import { waitFor } from '../../lab/polling.ts'
import { type Context, type Drill, isServing } from '../drill.ts'

/** Conditions under which a replay takes some seconds. */
const narrow = { bytesPerSecond: 4_000_000 }
const preloaded = { count: 1_500, bytes: 6 * 1024 }

async function killDuringReplay(context: Context): Promise<void> {
  const { stack, random, pause, lasting, moment, becomes, violation } = context
  let hits = 0
  await lasting('slow replay', async () => {
    await stack.network.slow(narrow, 0)
    await stack.kill('kvs')
    for (let kills = random.integer(2, 4); kills > 0; kills--) {
      await stack.start('kvs')
      if (!(await becomes(({ state }) => state === 'replaying', 30))) continue
      await pause(0, 1.5)
      if ((await stack.status())?.state === 'replaying') hits++
      await stack.kill('kvs')
      moment('kill kvs')
    }
    await stack.network.heal()
    await stack.start('kvs')
  })
  if (hits === 0) violation('no kill has hit a replay')
}

/** Kills a node that drains its spool; if nothing is spooled the kills hit a node that reconnects. */
async function killWhileDraining(context: Context): Promise<void> {
  const { stack, random, pause, lasting, moment, becomes } = context
  await becomes(isServing, 60)
  await lasting('postgres down', async () => {
    await stack.stop('postgres')
    await pause(1, 3)
    // So that now the first batch is hit, now a later one
    await stack.network.slow({ bytesPerSecond: random.between(4, 40) * 1_000_000 }, 0)
    await stack.start('postgres')
  })
  for (let kills = random.integer(1, 4); kills > 0; kills--) {
    await untilDraining(context)
    await pause(0, 0.3)
    const spooled = (await stack.status())?.spool?.writes ?? 0
    await stack.kill('kvs')
    moment(`kill kvs, ${spooled} spooled`)
    await stack.start('kvs')
  }
  await stack.network.heal()
}

/** Waits until less is spooled than before, or nothing, but not for long. */
async function untilDraining({ stack, random, signal }: Context): Promise<void> {
  let most = 0
  const drains = async () => {
    const status = await stack.status()
    const writes = status?.spool?.writes ?? 0
    most = Math.max(most, writes)
    return writes < most || status?.state === 'serving'
  }
  await waitFor(drains, { boundMs: random.between(500, 8_000), signal, everyMs: 5 })
}

export const recoveryDrills: readonly Drill[] = [
  {
    name: 'kill-during-replay',
    sentence: 'kvs is killed again and again while it replays the log.',
    // The replay is slow on purpose; that must not count as a lost connection.
    stack: { proxy: true, env: { POSTGRES_TIMEOUT: '30s' } },
    prepare: ({ workload }) => workload.preload(preloaded.count, preloaded.bytes),
    fault: killDuringReplay,
  },
  {
    name: 'kill-while-draining',
    sentence: 'Postgres is down while writes come in; once it is back kvs is killed again and again.',
    stack: { proxy: true },
    fault: killWhileDraining,
  },
]
