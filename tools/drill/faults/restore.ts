import { type Context, type Drill, isServing } from '../drill.ts'
import { makeRequester } from '../workload/request.ts'

/**
 * The log goes back to what it was some writes ago, under a node that has applied those. The node must say so, go on
 * reading and write nothing. With the newer data brought back and the node restarted, nothing is lost.
 */
async function restoreOlder(context: Context): Promise<void> {
  const { stack, pause, lasting, becomes, violation } = context
  await becomes(isServing, 60)
  await stack.stop('postgres')
  await stack.disks.saveLog('older')
  await stack.start('postgres')
  await becomes(isServing, 60)
  await pause(0.5, 1.5) // in which the log grows

  await lasting('older log', async () => {
    await stack.stop('postgres')
    await stack.disks.saveLog('newer')
    await stack.disks.restoreLog('older')
    await stack.start('postgres')
    const status = await becomes(({ state }) => state === 'log diverged', 30)
    if (status === undefined) violation('a log that went back was not noticed within 30 s')
    else await expectDiverged(context, status.http)
    await pause(0.2, 1)
    await stack.stop('postgres')
    await stack.disks.restoreLog('newer')
    await stack.start('postgres')
    await stack.stop('kvs')
    await stack.start('kvs')
  })
}

async function expectDiverged({ stack, workload, violation }: Context, http: number): Promise<void> {
  if (http !== 503) violation(`/readyz answered ${http} for a log that went back`)
  const requester = makeRequester(stack.nodes[0].url, 15_000)
  const [key = ''] = workload.keys
  const read = await requester.get(key)
  if (read.outcome !== 'ok') violation(`a read was answered ${read.status} after the log went back`)
  const write = await requester.put('refused', Buffer.from('refused'))
  if (write.outcome !== 'failed') {
    violation(`a write was answered ${write.status} (${write.outcome}) after the log went back`)
  }
  requester.close()
}

export const restoreDrills: readonly Drill[] = [
  {
    name: 'restore-older-dump',
    sentence: 'An older copy of the log is restored under the running node, which must notice; then the newer is back.',
    stack: { disks: true },
    fault: restoreOlder,
  },
]
