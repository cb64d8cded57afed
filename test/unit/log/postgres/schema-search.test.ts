import { describe, expect, test } from 'vitest'
import { Unavailable } from '../../../../kvs/log/log.ts'
import { inspectLog } from '../../../../kvs/log/postgres/log-inspection.ts'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'

/** Of the role that the tests connect as, in this database. */
async function setPath(database: Database, path: string): Promise<void> {
  await database.sql(
    `ALTER ROLE ${database.target.user} IN DATABASE ${database.target.database} SET search_path = ${path}`,
  )
}

const schemasWithLog = (database: Database) =>
  database.sql<{ name: string }>(
    `SELECT relnamespace::regnamespace::text AS name FROM pg_class WHERE relname = 'log_head' ORDER BY 1`,
  )

async function openLog(database: Database, logId?: string) {
  const warnings: string[] = []
  const session = await makeLog(database, {
    knownLogId: () => logId,
    warn: (text) => warnings.push(text),
    timeoutMs: 2_000,
  }).open()
  const { head } = session
  await session.close()
  return { head, warnings }
}

test('a known log is found where the search_path no longer leads, before anything is made', async () => {
  const database = await makeDatabase()
  const { head } = await openLog(database)
  await database.sql('CREATE SCHEMA empty')
  await setPath(database, 'empty')
  const found = await openLog(database, head.logId)
  expect(found.head.logId).toBe(head.logId)
  expect(found.warnings).toEqual([
    expect.stringMatching(
      new RegExp(
        `^the log ${head.logId} of this node is in the schema public, and is used there; the search_path of user ` +
          '"kvs" \\(empty\\) does not',
      ),
    ),
  ])
  expect(await schemasWithLog(database)).toEqual([{ name: 'public' }])
})

test('a running node’s next connection finds its log, too, and never another one', async () => {
  const database = await makeDatabase()
  const log = makeLog(database)
  const session = await log.open()
  await session.append([put('a')])
  await session.close()
  await database.sql('CREATE SCHEMA empty')
  await setPath(database, 'empty')
  const again = await log.open()
  expect(again.head).toMatchObject({ logId: session.head.logId, sequence: 1n })
  await again.append([put('b')])
  await again.close()

  await database.sql('DROP SCHEMA public CASCADE')
  await expect(log.open()).rejects.toThrow(/another one: it knows nothing of this node/)
  expect(await schemasWithLog(database)).toEqual([])
})

test('a new log beside one in another schema is begun with a word on that one', async () => {
  const database = await makeDatabase()
  const first = await openLog(database)
  await database.sql('CREATE SCHEMA second')
  await setPath(database, 'second, public')
  // The search_path still leads to the first.
  expect(await openLog(database)).toMatchObject({ head: { logId: first.head.logId }, warnings: [] })
  await setPath(database, 'second')
  const second = await openLog(database)
  expect(second.head.logId).not.toBe(first.head.logId)
  expect(second.warnings).toEqual([
    expect.stringContaining(
      'a new log is begun in the schema second, where the search_path of user "kvs" leads; the database has one in ' +
        `public (${first.head.logId}), too`,
    ),
  ])
  expect(await openLog(database)).toMatchObject({ head: { logId: second.head.logId }, warnings: [] })
})

test('a data directory of a log that the database does not have may begin a new one', async () => {
  const database = await makeDatabase()
  const { head, warnings } = await openLog(database, 'cafe0123')
  expect([head.sequence, warnings]).toEqual([0n, []])
})

test('a log that is there twice is the one that the search_path leads to, or none', async () => {
  const database = await makeDatabase()
  const { head } = await openLog(database)
  await database.sql(
    `CREATE SCHEMA copy; CREATE TABLE copy.log_head AS SELECT * FROM public.log_head; CREATE SCHEMA empty`,
  )
  expect((await openLog(database, head.logId)).warnings).toEqual([])
  await setPath(database, 'empty')
  await expect(openLog(database, head.logId)).rejects.toThrow(
    new RegExp(
      `the log ${head.logId} of this node is in the database more than once, in the schemas copy and public: have ` +
        'the search_path',
    ),
  )
})

describe('a log_head that somebody holds a lock on', () => {
  /** Makes that of another log, and holds it locked, as a migration or a VACUUM FULL does. */
  async function lockAnother(database: Database): Promise<void> {
    await database.sql(`CREATE SCHEMA other; CREATE TABLE other.log_head (log_id text)`)
    await lock(database, 'other')
  }

  async function lock(database: Database, schema: string): Promise<void> {
    const holder = await database.connect()
    await holder.query(`BEGIN; LOCK TABLE ${schema}.log_head IN ACCESS EXCLUSIVE MODE`)
  }

  test('in another schema keeps no node from its own log, known or not, wherever that is', async () => {
    const database = await makeDatabase()
    const { logId } = (await openLog(database)).head
    await lockAnother(database)
    expect(await openLog(database, logId)).toMatchObject({ head: { logId }, warnings: [] })
    expect(await openLog(database)).toMatchObject({ head: { logId }, warnings: [] })
    await database.sql('CREATE SCHEMA empty')
    await setPath(database, 'empty')
    const away = await openLog(database, logId)
    expect(away).toMatchObject({ head: { logId }, warnings: [expect.stringContaining('is in the schema public')] })
    const look = inspectLog({ target: database.target, timeoutMs: 2_000, logId })
    expect(await look).toContain(`the log ${logId} with 0 entries`)
  })

  test('is told of as one that can’t be read, where a new log is begun beside it', async () => {
    const database = await makeDatabase()
    await lockAnother(database)
    const { warnings } = await openLog(database)
    expect(warnings).toEqual([
      expect.stringMatching(/^a new log is begun in the schema public, .* has one in other \(not readable\), too$/),
    ])
  })

  test('may be the known log’s: no new one is begun, and a running node does not take its log for gone', async () => {
    const database = await makeDatabase()
    const log = makeLog(database, { timeoutMs: 2_000 })
    const session = await log.open()
    const { logId } = session.head
    await session.close()
    await database.sql('CREATE SCHEMA empty')
    await setPath(database, 'empty')
    await lock(database, 'public')
    const said = new RegExp(
      `^the log ${logId} of this node is not found, and log_head of the schema public, where it may be, can’t`,
    )
    for (const open of [() => openLog(database, logId), () => log.open()]) {
      const error = await open().catch((error) => error)
      expect(error).toBeInstanceOf(Unavailable)
      expect(error.message).toMatch(said)
    }
    expect(await schemasWithLog(database)).toEqual([{ name: 'public' }])
  })
})

test.each(['pg_temp', 'pg_temp, public'])(
  'search_path %s gets a sentence, and no tables that go with their connection',
  async (path) => {
    const database = await makeDatabase()
    await setPath(database, path)
    await expect(openLog(database)).rejects.toThrow(
      /begins with pg_temp, whose tables are gone with their connection: ALTER ROLE/,
    )
    await setPath(database, 'public')
    const { head } = await openLog(database)
    await setPath(database, path)
    expect((await openLog(database, head.logId)).head.logId).toBe(head.logId)
  },
)

test('a schema whose name has to be quoted', async () => {
  const database = await makeDatabase()
  await database.sql('CREATE SCHEMA "Odd ""one"')
  await setPath(database, '"Odd ""one"')
  const { head } = await openLog(database)
  await setPath(database, 'public')
  const { warnings } = await openLog(database, head.logId)
  expect(warnings).toEqual([expect.stringContaining('is in the schema "Odd ""one", and is used there')])
})

test('a textbook log further down the search_path is adopted where it is', async () => {
  const database = await makeDatabase()
  await database.sql(`CREATE TABLE transactions (sequence bigserial PRIMARY KEY, event_type smallint, key text, value text);
    INSERT INTO transactions (event_type, key, value) VALUES (2, 'a', 'b'); CREATE SCHEMA mine`)
  await setPath(database, 'mine, public')
  expect((await openLog(database)).head.sequence).toBe(1n)
  expect(await schemasWithLog(database)).toEqual([{ name: 'public' }])
})
