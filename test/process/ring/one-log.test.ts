import { expect, test } from 'vitest'
import { slotByHand } from '../../container/ring-client.ts'
import { makeClient } from '../../support/client.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { keysInLog, startRing } from './nodes.ts'

/** Keys of the slots that member two loses where 5000 becomes a position, and gets back where it goes. */
const movingKeys = (count: number, prefix: string) =>
  Array.from({ length: count * 20 }, (_, number) => `${prefix}-${number}`)
    .filter((key) => slotByHand(key) > 3000 && slotByHand(key) <= 5000)
    .slice(0, count)

test('a node whose log has given keys away, and which has not read so yet, passes on what is written to it', async () => {
  const { nodes } = await startRing()
  const [one, two, standby] = nodes
  const call = makeClient()
  const second = await startReadyNode(makeDirectory(), {
    ...toEnvironment(two.database.target),
    KVS_ADDRESS: two.address,
  })
  for (const round of [1, 2]) {
    const keys = movingKeys(20, `round-${round}`)
    // So it has connections that writes can come by before anything else does.
    await Promise.all(keys.map((key) => call(second.url, { path: `/v1/${key}` })))
    second.kill('SIGSTOP')
    const added = await one.ask({ path: `/add_node/5000/${standby.address}` })
    expect([added.status, added.body]).toEqual([200, 'OK'])
    const written = keys.map((key) => call(second.url, { method: 'PUT', path: `/v1/${key}`, body: key }))
    second.kill('SIGCONT')
    expect((await Promise.all(written)).map(({ status }) => status)).toEqual(keys.map(() => 201))

    expect((await keysInLog(standby)).toSorted()).toEqual(keys.toSorted())
    expect(await keysInLog(two)).toEqual([])
    for (const node of nodes) {
      const read = await Promise.all(keys.map((key) => node.get(key)))
      expect(read.map(({ body }) => body)).toEqual(keys)
    }
    // They are in the way, so all stays as it is.
    const removed = await two.ask({ path: `/remove_node/${standby.address}` })
    expect([removed.status, removed.body]).toEqual([409, expect.stringContaining('20 keys')])
    await Promise.all(keys.map((key) => call(second.url, { method: 'DELETE', path: `/v1/${key}` })))
    expect((await two.ask({ path: `/remove_node/${standby.address}` })).status).toBe(200)
  }
})
