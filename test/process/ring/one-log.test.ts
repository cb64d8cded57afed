import { expect, test } from 'vitest'
import { slotByHand } from '../../container/ring-client.ts'
import { makeClient } from '../../support/client.ts'
import type { Database } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { startProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { keysInLog, startRing } from './nodes.ts'

/** Keys of the slots that member two loses where 5000 becomes a position, and gets back where it goes. */
const movingKeys = (count: number, prefix: string) =>
  Array.from({ length: count * 20 }, (_, number) => `${prefix}-${number}`)
    .filter((key) => slotByHand(key) > 3000 && slotByHand(key) <= 5000)
    .slice(0, count)

/** When the log was last asked to append something of a node's, and when to tell its end. */
async function lastAsked({ sql }: Database): Promise<{ append: number; end: number }> {
  const last = (pattern: string) =>
    `coalesce(max(extract(epoch FROM query_start)) FILTER (WHERE query LIKE '${pattern}'), 0)::float8`
  const [row] = await sql<{ append: number; end: number }>(`
    SELECT ${last('%FROM append_%')} AS append, ${last('%FROM end_of_log%')} AS "end" FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'kvs'`)
  return row ?? { append: 0, end: 0 }
}

test('a node whose log has given keys away, and which can’t have read so yet, passes on what is written to it', async () => {
  const { nodes } = await startRing()
  const [one, two, standby] = nodes
  const call = makeClient()
  const { target } = two.database
  const toLog = await startProxy(`${target.host}/.s.PGSQL.${target.port}`)
  const second = await startReadyNode(makeDirectory(), {
    ...toEnvironment({ ...target, host: '127.0.0.1', port: toLog.port }),
    KVS_ADDRESS: two.address,
    // Else it may be waiting for that answer, and append nothing.
    KVS_TAIL_INTERVAL: '1m',
    KVS_MAX_LAG: '10m',
  })
  const write = (method: string, key: string) => call(second.url, { method, path: `/v1/${key}`, body: key })

  // It asks the home for the ring now and then, and reads its log where that has changed: then it appends nothing.
  let appends = 0
  for (let round = 1; appends < 2; round++) {
    const keys = movingKeys(20, `round-${round}`)
    await write('DELETE', keys[0] ?? '')
    toLog.deafen()
    expect((await one.ask({ path: `/add_node/5000/${standby.address}` })).body).toBe('OK')
    const before = await lastAsked(two.database)
    const written = keys.map((key) => write('PUT', key))
    const asked = await until('the log is asked for something', async () => {
      const { append, end } = await lastAsked(two.database)
      return append > before.append ? 'append' : end > before.end && 'end'
    })
    if (asked === 'append') appends++
    toLog.release()
    expect((await Promise.all(written)).map(({ status }) => status)).toEqual(keys.map(() => 201))

    expect((await keysInLog(standby)).toSorted()).toEqual(keys.toSorted())
    expect(await keysInLog(two)).toEqual([])
    for (const node of nodes) {
      const read = await Promise.all(keys.map((key) => node.get(key)))
      expect(read.map(({ body }) => body)).toEqual(keys)
    }
    await Promise.all(keys.map((key) => write('DELETE', key)))
    expect((await two.ask({ path: `/remove_node/${standby.address}` })).status).toBe(200)
  }
})
