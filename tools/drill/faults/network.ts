import type { Context, Drill } from '../drill.ts'
import type { Direction } from '../stack/stack.ts'

export async function cut(context: Context): Promise<void> {
  const { stack, pause, lasting } = context
  await lasting('cut', async () => {
    await stack.network.cut()
    await pause(0.5, 4)
    await stack.network.heal()
  })
}

export async function drop(context: Context, direction: Direction): Promise<void> {
  const { stack, pause, lasting } = context
  await lasting(direction === 'both' ? 'drop' : `drop ${direction}`, async () => {
    await stack.network.drop(direction)
    // POSTGRES_TIMEOUT is 2 s: some of it is noticed, some is not.
    await pause(0.5, 5)
    await stack.network.heal()
  })
}

export async function slow(context: Context): Promise<void> {
  const { stack, random, pause, lasting, moment } = context
  const conditions = {
    latencyMs: random.between(1, 150),
    jitterMs: random.between(0, 100),
    bytesPerSecond: random.between(50, 2_000) * 1000,
  }
  const lost = random.chance(0.5) ? random.between(0.01, 0.1) : 0
  await lasting(`slow ${Math.round(conditions.latencyMs)} ms`, async () => {
    await stack.network.slow(conditions, lost)
    for (let resets = random.integer(0, 3); resets > 0; resets--) {
      await pause(0.2, 1.5)
      await stack.network.reset()
      moment('reset')
    }
    await pause(0.5, 2)
    await stack.network.heal()
  })
}

export const networkDrills: readonly Drill[] = [
  {
    name: 'cut',
    sentence: 'Postgres is taken off the network of kvs for a while.',
    fault: cut,
  },
  {
    name: 'drop',
    sentence: 'Packets between kvs and Postgres vanish without a word, both ways.',
    fault: (context) => drop(context, 'both'),
  },
  {
    name: 'drop-to-postgres',
    sentence: 'Packets from kvs to Postgres vanish without a word.',
    fault: (context) => drop(context, 'to postgres'),
  },
  {
    name: 'drop-from-postgres',
    sentence: 'Packets from Postgres to kvs vanish without a word: what was written is, and its answer is lost.',
    fault: (context) => drop(context, 'from postgres'),
  },
  {
    name: 'slow-network',
    sentence: 'The network between kvs and Postgres is slow, narrow and lossy, and connections are reset in it.',
    stack: { proxy: true },
    fault: slow,
  },
]
