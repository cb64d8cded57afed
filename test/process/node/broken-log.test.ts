import { expect, test } from 'vitest'
import { byForce, makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { text as get, put, status } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

/** As docs/outages.md has it. */
const mend = `SET session_replication_role = replica;
  DELETE FROM transactions
  WHERE sequence > (
    SELECT greatest(max(sequence), (SELECT adopted_through FROM log_head)) FROM transactions WHERE write_number IS NOT NULL
  );
  RESET session_replication_role`

test.each([
  ['it is asked', '50ms'],
  ['somebody writes', '1h'],
])(
  'a row that was put into the log by hand is named once %s, is not applied, and can be taken out',
  async (_, tail) => {
    const database = await makeDatabase()
    const directory = makeDirectory()
    const env = {
      ...toEnvironment(database.target),
      KVS_TAIL_INTERVAL: tail,
      POSTGRES_TIMEOUT: '2h',
      KVS_MAX_LAG: '2h',
    }
    const node = await startReadyNode(directory, env)
    await put(node, 'a', '1')
    await database.sql(byForce("INSERT INTO transactions VALUES (2, 2, 'a', 'stray', NULL, now(), 'd')"))
    const once = { method: 'PUT', body: '1', headers: { 'If-None-Match': '*' } }
    for (const answer of await Promise.all([put(node, 'b', '1'), fetch(`${node.url}/v1/c`, once)])) {
      expect([answer.status, await answer.text()]).toEqual([
        503,
        expect.stringContaining('nothing was stored: the log was changed by other hands'),
      ])
    }
    await until('it is named', async () => (await status(node)).state === 'log diverged')
    expect((await status(node)).reason).toMatch(
      /^the log was changed by other hands than an append’s: no append has written its last entry, 2\. docs\/outages\.md/,
    )
    expect((await fetch(`${node.url}/readyz`)).status).toBe(503)
    expect(await get(node, 'a')).toBe('1')
    node.kill('SIGTERM')
    await node.ended

    await database.sql(mend)
    const again = await startReadyNode(directory, toEnvironment(database.target))
    expect((await put(again, 'b', '2')).status).toBe(201)
    expect([await get(again, 'a'), await get(again, 'b')]).toEqual(['1', '2'])
  },
)
