import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { nextDigest } from '../../../kvs/log/index.ts'
import { makeDatabase, makeLog } from '../../support/database.ts'
import { put } from '../../support/entries.ts'
import { decided, spooled } from './batches.ts'

test('the log in memory chains digests by the rule of the one in Postgres', async () => {
  const database = await makeDatabase()
  const writerId = randomUUID()
  const session = await makeLog(database, { writerId }).open()
  const [row] = await database.sql<{ first: Buffer; session: string }>(
    'SELECT first_digest AS first, session FROM log_head, writers WHERE id = $1',
    [writerId],
  )
  let digest = row?.first ?? Buffer.alloc(0)
  const chain = (last: bigint) => {
    digest = nextDigest(digest, row?.session ?? '', last)
    return digest
  }
  expect((await session.append([put('a'), put('b')])).digest).toEqual(chain(2n))
  expect((await session.appendSpooled([spooled(2n ** 40n, 'c')], 2n)).digest).toEqual(chain(2n ** 40n))
  expect((await session.appendConditional([decided(put('d'))], 3n)).end.digest).toEqual(chain(2n ** 40n + 1n))
  await session.close()
})
