import { expect, test } from 'vitest'
import { allSlots } from '../../../../kvs/core/ring/slot-ranges.ts'
import { makePostgresRingLog } from '../../../../kvs/log/postgres/postgres-ring-log.ts'
import { decided, under } from '../../../contract/log/batches.ts'
import { byForce, makeDatabase, makeLog, makeOlderLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'

test('what was answered before there were slots is answered again as before, and moves nowhere', async () => {
  const database = await makeDatabase()
  await makeOlderLog(database, 13)
  await database.sql(byForce(`INSERT INTO answers (idempotency_key, request) VALUES ('old', 'r')`))
  const session = await makeLog(database).open()
  const requests = ['old', 'new'].map((key) => decided(put('a'), { idempotency: under(key) }))
  const outcomes = async () =>
    (await session.appendConditional(requests, (await session.askHead()).sequence)).verdicts.map(
      ({ outcome }) => outcome,
    )
  expect(await outcomes()).toEqual(['answered', 'landed'])
  expect(await outcomes()).toEqual(['answered', 'answered'])
  const reader = await makePostgresRingLog({ target: database.target, timeoutMs: 10_000 }).openReader()
  const { answers, through } = await reader.readAnswers(allSlots, 0n)
  expect([answers.map(({ key }) => key), through]).toEqual([['new'], 2n])
  await Promise.all([reader.close(), session.close()])
})
