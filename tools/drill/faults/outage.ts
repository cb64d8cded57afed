import type { Context, Drill } from '../drill.ts'

const megabyte = 1024 * 1024

/** One outage as long as the faulty phase. */
async function outage(context: Context): Promise<void> {
  const { stack, workload, pause, lasting, left, note } = context
  const before = (await stack.memory()) ?? 0
  const acknowledged = workload.acknowledged
  let most = before
  await lasting('postgres down', async () => {
    await stack.stop('postgres')
    while (left() > 0) {
      most = Math.max(most, (await stack.memory()) ?? 0)
      await pause(0.5, 1)
    }
    const taken = workload.acknowledged - acknowledged
    const [from, to] = [before, most].map((bytes) => Math.round(bytes / megabyte))
    note(`${taken} writes were acknowledged meanwhile; the node’s memory went from ${from} MiB to at most ${to} MiB`)
    await stack.start('postgres')
  })
}

export const outageDrills: readonly Drill[] = [
  {
    name: 'outage',
    sentence: 'Postgres is down all the time, under constant writes; the most memory that the node takes is told.',
    fault: outage,
  },
]
