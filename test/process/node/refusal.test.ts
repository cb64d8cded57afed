import { expect, test } from 'vitest'
import { type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, serves, startReadyNode, toEnvironment } from '../../support/node.ts'
import { put, status } from '../../support/requests.ts'

/** Has every append fail with an error of Postgres's, until the trigger is dropped. */
async function refuse(database: Database, code: string): Promise<void> {
  await database.sql(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN RAISE EXCEPTION 'no, since %', TG_OP USING ERRCODE = '${code}'; END $$`,
  )
  await database.sql('CREATE TRIGGER refuse BEFORE INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION refuse()')
}

async function startOn(database: Database) {
  const node = await startReadyNode(makeDirectory(), toEnvironment(database.target))
  const create = (key: string) =>
    fetch(`${node.url}/v1/${key}`, { method: 'PUT', body: 'x', headers: { 'If-None-Match': '*' } })
  const lines = (pattern: RegExp) => node.output().match(pattern)?.length ?? 0
  return { node, create, lines }
}

test('writes under a condition that a full disk refuses take the log down once, and one of them brings it back', async () => {
  const database = await makeDatabase()
  const { node, create, lines } = await startOn(database)
  await refuse(database, '53100')
  for (let n = 0; n < 4; n++) {
    const answer = await create(`a${n}`)
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringMatching(/nothing was (done|stored)/)])
    expect((await status(node)).state).toBe('log down')
  }
  expect(lines(/the log is down/g)).toBe(1)
  expect(lines(/the log is back/g)).toBe(0)
  await database.sql('DROP TRIGGER refuse ON transactions')
  await expect.poll(async () => (await create('b')).status).toBe(201)
  expect((await status(node)).state).toBe('serving')
  expect(await database.sql('SELECT key FROM transactions')).toEqual([{ key: 'b' }])
})

test('a log that refuses what is written is named on /readyz, and told of once', async () => {
  const database = await makeDatabase()
  const { node, create, lines } = await startOn(database)
  await refuse(database, '23514')
  for (const ask of [() => put(node, 'a', 'x'), () => create('b'), () => put(node, 'c', 'x')]) {
    expect((await ask()).status).toBe(503)
    expect(await status(node)).toMatchObject({ state: 'serving', reason: 'the log refuses writes: no, since INSERT' })
  }
  expect(lines(/the log refuses writes/g)).toBe(1)
  await database.sql('DROP TRIGGER refuse ON transactions')
  expect((await put(node, 'a', 'x')).status).toBe(201)
  expect(await status(node)).toMatchObject({ state: 'serving', reason: null })
})

test('a write that Postgres refuses fails alone, whatever is on its way with it, and is told of once', async () => {
  const database = await makeDatabase()
  const { node, create, lines } = await startOn(database)
  await database.sql(`ALTER TABLE transactions ADD CONSTRAINT good CHECK (key NOT LIKE 'bad%')`)
  const answers = []
  for (let round = 0; round < 3; round++) {
    for (const write of [(key: string) => put(node, key, 'x'), create]) {
      for (let n = 0; n < 20; n++) answers.push(write(`good-${answers.length}`), write(`bad-${answers.length}`))
    }
    await Promise.all(answers)
  }
  const statuses = (await Promise.all(answers)).map((answer) => answer.status)
  expect(statuses).toEqual(statuses.map((_, index) => (index % 2 === 0 ? 201 : 503)))
  expect(lines(/the log refuses writes/g)).toBe(1)
  expect(await database.sql('SELECT count(*)::int AS entries FROM transactions')).toEqual([{ entries: 120 }])
})

test('a spooled write that Postgres refuses stays in the spool, and is told of in the log', async () => {
  const database = await makeDatabase()
  const { node, lines } = await startOn(database)
  await refuse(database, '54000')
  expect((await put(node, 'bad', 'x')).status).toBe(202)
  await database.sql(`ALTER TABLE transactions ADD CONSTRAINT good CHECK (key NOT LIKE 'bad%')`)
  await database.sql('DROP TRIGGER refuse ON transactions')
  await expect.poll(() => lines(/the log refuses writes: .*violates check constraint/g)).toBe(1)
  expect(await status(node)).toMatchObject({ state: 'log down', spool: { writes: 1 } })
  await database.sql('ALTER TABLE transactions DROP CONSTRAINT good')
  await serves(node)
  expect(await database.sql('SELECT key FROM transactions')).toEqual([{ key: 'bad' }])
})

test.each(['54000', '42501', 'XX000'])(
  'what no write can be guilty of, such as %s, is the log’s own: writes go to the spool until it is over',
  async (code) => {
    const database = await makeDatabase()
    const { node } = await startOn(database)
    await refuse(database, code)
    expect((await put(node, 'a', 'x')).status).toBe(202)
    expect(await status(node)).toMatchObject({ state: 'log down', reason: 'no, since INSERT', spool: { writes: 1 } })
    await database.sql('DROP TRIGGER refuse ON transactions')
    await serves(node)
    expect(await database.sql('SELECT key FROM transactions')).toEqual([{ key: 'a' }])
  },
)
