import { type Context, type Drill, isServing } from '../drill.ts'

async function fillPostgres(context: Context): Promise<void> {
  const { stack, random, pause, lasting, becomes, violation } = context
  // A disk that is filled before the log is reached would show nothing.
  await becomes(isServing, 60)
  await lasting('disk of postgres full', async () => {
    await stack.disks.fill('postgres')
    if (!(await becomes(({ state }) => state === 'log down', 20))) violation('a full disk of Postgres was not noticed')
    await pause(0.3, 2)
    await stack.disks.free('postgres')
    if (random.chance(0.5)) await stack.stop('postgres')
    await stack.start('postgres')
  })
}

/** Fills the disk while writes are being spooled or before; half of the time kvs is killed on the full disk. */
async function fillSpool(context: Context): Promise<void> {
  const { stack, random, pause, lasting } = context
  await lasting('disk of kvs full', async () => {
    const isFirst = random.chance(0.5)
    if (isFirst) await stack.disks.fill('kvs')
    await stack.kill('postgres')
    await pause(0.2, 2)
    if (!isFirst) await stack.disks.fill('kvs')
    await pause(0.5, 2)
    if (random.chance(0.5)) {
      await stack.kill('kvs')
      await stack.start('kvs')
      await pause(0.2, 1.5)
    }
    await stack.disks.free('kvs')
    await stack.start('postgres')
  })
}

export const diskDrills: readonly Drill[] = [
  {
    name: 'postgres-disk-full',
    sentence: 'The disk of Postgres is filled to the last byte, then freed, and Postgres restarted.',
    needsContainers: true,
    stack: { disks: true },
    fault: fillPostgres,
  },
  {
    name: 'spool-disk-full',
    sentence: 'The disk of kvs is filled while Postgres is down, half of the time with a kill of kvs, then freed.',
    needsContainers: true,
    stack: { disks: true },
    fault: fillSpool,
  },
]
