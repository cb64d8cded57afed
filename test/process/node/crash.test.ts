import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, toEnvironment } from '../../support/node.ts'
import { crashRepeatedly, type Row } from './crashing.ts'

test('a node killed at a few random moments under writers loses, tears and doubles nothing', async () => {
  const database = await makeDatabase()
  const seen = await crashRepeatedly({
    rounds: 6,
    directory: makeDirectory(),
    env: toEnvironment(database.target),
    sql: (text) => database.sql<Row>(text),
    crash: () => undefined,
  })
  expect(seen.filter((write) => write.isAcknowledged).length).toBeGreaterThan(5)
})
