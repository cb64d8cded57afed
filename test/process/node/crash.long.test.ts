import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { embeddedPid, makeDirectory, toEnvironment } from '../../support/node.ts'
import type { Seen } from '../../support/writers.ts'
import { crashRepeatedly, type Row } from './crashing.ts'

function expectBothKinds(seen: readonly Seen[]): void {
  const acknowledged = seen.filter((write) => write.isAcknowledged).length
  expect(acknowledged).toBeGreaterThan(200)
  expect(seen.length).toBeGreaterThan(acknowledged) // or no crash ever hit a write
}

test('a node killed at 170 random moments under writers loses, tears and doubles nothing', {
  timeout: 900_000,
}, async () => {
  const database = await makeDatabase()
  const seen = await crashRepeatedly({
    rounds: 170,
    directory: makeDirectory(),
    env: toEnvironment(database.target),
    sql: (text) => database.sql<Row>(text),
    crash: () => undefined,
  })
  expectBothKinds(seen)
})

test('nor do a node and its Postgres, either or both, at 40 more', { timeout: 900_000 }, async () => {
  const directory = makeDirectory()
  let round = 0
  const seen = await crashRepeatedly({
    rounds: 40,
    directory,
    env: {},
    async sql(text) {
      const client = new Client({ host: `${directory}/data/run`, port: 5432, user: 'kvs', database: 'kvs', ssl: false })
      await client.connect()
      try {
        return (await client.query<Row>(text)).rows
      } finally {
        await client.end()
      }
    },
    async crash(node) {
      const pid = embeddedPid(directory)
      const kind = round++ % 4
      if (kind === 0 || pid === undefined) return
      if (kind === 1) node.kill('SIGKILL') // both at once, the node first
      process.kill(pid, 'SIGKILL')
      if (kind === 3) await sleep(Math.random() * 400) // the node lives on, and starts it again
    },
  })
  expectBothKinds(seen)
})
