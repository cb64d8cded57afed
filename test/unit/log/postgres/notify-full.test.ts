import { expect, test } from 'vitest'
import { decided } from '../../../contract/log/batches.ts'
import { makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { startPostgres } from '../../../support/own-postgres.ts'
import { readAll } from '../../../support/read-all.ts'

test('a queue of notifications that another program let run full holds up no append', async () => {
  const server = await startPostgres({ max_notify_queue_pages: '64' })
  const session = await makeLog(server).open()
  const idle = await server.connect()
  await idle.query('LISTEN others')
  await idle.query('BEGIN; SELECT 1')
  const noisy = await server.connect()
  const notify = () => noisy.query(`SELECT pg_notify('others', repeat('x', 7900))`)
  let full: unknown
  for (let sent = 0; full === undefined && sent < 1_000; sent++)
    full = await notify().then(
      () => undefined,
      (error) => error,
    )
  expect(full).toMatchObject({ code: '54000' })

  const { sequence } = await session.append([put('a')])
  const write = decided(put('b'))
  const { verdicts } = await session.appendConditional([write], sequence)
  expect(verdicts).toMatchObject([{ outcome: 'landed' }])
  const number = session.committed.number + 1n
  await session.appendSpooled([{ number, write: put('c'), superseded: false }], sequence)
  expect((await readAll(session)).map(({ write }) => write.key)).toEqual(['a', 'b', 'c'])
  await session.close()
})
