import { expect, test } from 'vitest'
import { byForce } from '../../../support/database.ts'
import { makeDirectory, startReadyNode } from '../../../support/node.ts'
import { startPostgres } from '../../../support/own-postgres.ts'
import { put as putTo, text } from '../../../support/requests.ts'
import { until } from '../../../support/until.ts'

test('a node brings it forward once it serves, through a restart of Postgres, and stops with it', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), postgres.environment)
  const fill = (entries: number) =>
    postgres.sql(
      byForce(`INSERT INTO transactions
        SELECT sequence + i, 2, 'k' || i % 100, '', NULL, now(), 'd', false, NULL, CASE WHEN i = ${entries} THEN 0 END
        FROM end_of_log, generate_series(1, ${entries}) i`),
    )
  const at = (sequence: number) =>
    until(
      `the checkpoint is at ${sequence}`,
      async () => {
        const rows = await postgres.sql<{ sequence: string }>('SELECT sequence FROM checkpoint').catch(() => [])
        return Number(rows[0]?.sequence) >= sequence
      },
      60_000,
    )
  await fill(12_000)
  await at(12_000)
  await postgres.stop()
  await postgres.start()
  await fill(12_000)
  await at(24_000)
  expect((await putTo(node, 'a', '1')).ok).toBe(true)
  expect(await text(node, 'a')).toBe('1')
  expect(node.output()).not.toMatch(/checkpoint is not/)
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
})
