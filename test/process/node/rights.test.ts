import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import {
  advanceCheckpoint,
  discardCheckpoint,
  readCheckpoint,
} from '../../../kvs/log/postgres/checkpoint-statements.ts'
import { connect } from '../../../kvs/log/postgres/connection.ts'
import { dailyRights } from '../../../kvs/log/postgres/rights.ts'
import { slotPath } from '../../../kvs/slots/numbering.ts'
import { type Database, makeDatabase, makeLog, migrations } from '../../support/database.ts'
import { put } from '../../support/entries.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { leaveSlot } from '../../support/slots.ts'
import { until } from '../../support/until.ts'

/** Two roles on a database that lets in nobody else: one that may make the log, and one with the rights of the daily work alone. */
async function makeRoles() {
  const database = await makeDatabase()
  const { database: name } = database.target
  const id = randomUUID().slice(0, 8)
  const [maker, worker] = [`maker_${id}`, `worker_${id}`]
  await database.sql(`CREATE ROLE ${maker} LOGIN; CREATE ROLE ${worker} LOGIN;
    REVOKE ALL ON DATABASE ${name} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE ${maker} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    GRANT CONNECT ON DATABASE ${name} TO ${maker}, ${worker};
    GRANT USAGE, CREATE ON SCHEMA public TO ${maker}; GRANT USAGE ON SCHEMA public TO ${worker}`)
  onTestFinished(async () => {
    const { host, port, user } = database.target
    const admin = new Client({ host, port, user, database: name, ssl: false })
    await admin.connect()
    await admin.query(
      `DROP OWNED BY ${worker}; DROP OWNED BY ${maker} CASCADE; DROP ROLE ${worker}; DROP ROLE ${maker}`,
    )
    await admin.end()
  })
  const as = (user: string): Database => ({ ...database, target: { ...database.target, user } })
  return { database, maker, worker, asMaker: as(maker), asWorker: as(worker) }
}

const daily = Object.entries(dailyRights)

/** As docs/postgres.md has it. */
async function grantDaily(database: Database, worker: string): Promise<void> {
  for (const [table, rights] of daily) await database.sql(`GRANT ${rights.join(', ')} ON ${table} TO ${worker}`)
  await database.sql(`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO ${worker}`)
}

test('a role that may CREATE in the schema makes the log, and one with the listed rights alone does all the daily work', async () => {
  const { database, worker, asMaker, asWorker } = await makeRoles()
  await (await makeLog(asMaker).open()).close()
  await grantDaily(database, worker)

  const directory = makeDirectory()
  const data = join(directory, 'data')
  const node = await startReadyNode(directory, toEnvironment(asWorker.target))
  const send = (key: string, init: RequestInit) => fetch(`${node.url}/v1/${key}`, init)
  expect((await send('a', { method: 'PUT', body: '1' })).status).toBe(201)
  expect((await send('a', { method: 'PUT', body: '2', headers: { 'If-None-Match': '*' } })).status).toBe(412)
  const once = { method: 'PUT', body: '3', headers: { 'Idempotency-Key': 'k' } }
  expect((await send('b', once)).status).toBe(201)
  expect((await send('b', once)).status).toBe(201)
  expect((await send('a', { method: 'DELETE' })).status).toBe(200)
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)

  // What it had spooled, and what a node that is gone had
  const session = await makeLog(asWorker).open()
  const end = (await session.read(0n)).at(-1)
  const seen = { logId: session.head.logId, sequence: end?.sequence ?? 0n, digest: end?.digest ?? Buffer.alloc(0) }
  await session.close()
  await leaveSlot(data, [put('own')], seen, 1_000n)
  await leaveSlot(slotPath(data, 2), [put('theirs')], seen)
  const again = await startReadyNode(directory, toEnvironment(asWorker.target))
  await until('it has taken over', () => again.output().includes('took over the spool of a node that is gone'))
  expect(again.output()).toContain('spooled writes that are in the log now: 1')
  for (const key of ['b', 'own', 'theirs'])
    await until(`it has ${key}`, async () => (await fetch(`${again.url}/v1/${key}`)).ok)
  expect(again.output()).not.toMatch(/lacks|permission/)
  again.kill('SIGTERM')
  expect(await again.ended).toBe(0)
})

test('the listed rights are enough for a checkpoint, also for one that has to be begun anew', async () => {
  const { database, worker, asMaker, asWorker } = await makeRoles()
  await (await makeLog(asMaker).open()).close()
  await grantDaily(database, worker)
  const session = await makeLog(asWorker).open()
  await session.append([put('a'), put('b')])
  const connection = await connect(asWorker.target, 10_000)
  expect(await advanceCheckpoint(connection, 1)).toMatchObject({ outcome: 'begun' })
  expect(await advanceCheckpoint(connection, 1)).toMatchObject({ outcome: 'advanced' })
  const keys: bigint[] = []
  expect(await session.loadCheckpoint(({ sequence }) => void keys.push(BigInt(sequence)))).toMatchObject({
    sequence: 2n,
  })
  expect(keys).toHaveLength(2)
  await database.sql(`UPDATE checkpoint SET log_id = 'another'`)
  expect(await advanceCheckpoint(connection, 5)).toMatchObject({ outcome: 'begun' })
  const checkpoint = await readCheckpoint(connection)
  if (checkpoint === undefined) throw new Error('there is no checkpoint')
  await discardCheckpoint(connection, checkpoint)
  await connection.close()
  await session.close()
})

test('each right that is taken away is named, and all is well once it is granted', async () => {
  const { database, worker, asMaker, asWorker } = await makeRoles()
  await (await makeLog(asMaker).open()).close()
  await grantDaily(database, worker)
  const functions = await database.sql<{ name: string; signature: string }>(`
    SELECT proname AS name, oid::regprocedure AS signature FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype`)
  expect(functions.length).toBeGreaterThan(3)
  const { database: name } = database.target
  const taken: [right: string, named: RegExp][] = [
    ...daily.flatMap(([table, rights]) =>
      rights.map((right): [string, RegExp] => [
        `${right} ON ${table}`,
        new RegExp(`lacks rights that a node needs: ${right} on the table ${table}: GRANT`),
      ]),
    ),
    ...functions.map(({ name, signature }): [string, RegExp] => [
      `EXECUTE ON FUNCTION ${signature}`,
      new RegExp(`lacks rights that a node needs: EXECUTE on the function ${name}: GRANT`),
    ]),
    ['USAGE ON SCHEMA public', /lacks rights that a node needs: USAGE on the schema public: GRANT/],
    [`CONNECT ON DATABASE ${name}`, /lacks the right to connect to the database .*: GRANT CONNECT/],
  ]
  for (const [right, named] of taken) {
    const warnings: string[] = []
    const log = makeLog(asWorker, { warn: (text) => warnings.push(text) })
    await database.sql(`REVOKE ${right} FROM ${worker}`)
    const reason = await log.open().then(
      async (session) => {
        await session.close()
        return warnings.join()
      },
      (error) => error.message,
    )
    expect(reason, right).toMatch(named)
    await database.sql(`GRANT ${right} TO ${worker}`)
    await (await log.open()).close()
  }
})

test('who may not make the log is told so, and so is who is to migrate one of another owner', async () => {
  const { asWorker, asMaker, worker, database } = await makeRoles()
  await expect(makeLog(asWorker).open()).rejects.toThrow(/lacks the right to CREATE in the schema public/)
  await (await makeLog(asMaker, { migrations }).open()).close()
  await grantDaily(database, worker)
  const further = [...migrations, { version: migrations.length + 1, name: 'further.sql', sql: 'SELECT 1' }]
  await database.sql(`GRANT CREATE ON SCHEMA public TO ${worker}`)
  await expect(makeLog(asWorker, { migrations: further }).open()).rejects.toThrow(
    /^user "worker_\w+" is not the owner of "answers" \(of maker_\w+\), .*which a migration is to change: start once as that owner/,
  )
})

test('a log of another role further down the search_path keeps nobody from their own', async () => {
  const { database, worker, asMaker, asWorker } = await makeRoles()
  await database.sql(`CREATE SCHEMA ${worker} AUTHORIZATION ${worker}; REVOKE USAGE ON SCHEMA public FROM ${worker}`)
  const { head } = await makeLog(asWorker).open()
  expect(await database.sql(`SELECT log_id FROM ${worker}.log_head`)).toEqual([{ log_id: head.logId }])
  await (await makeLog(asMaker).open()).close()
  await expect(makeLog(asWorker).open()).resolves.toMatchObject({ head })
  await expect(makeLog(asWorker, { knownLogId: () => head.logId }).open()).resolves.toMatchObject({ head })
})

test('a log that is known and may not be read is told of, and none begun in its place', async () => {
  const { database, worker, asMaker, asWorker } = await makeRoles()
  const session = await makeLog(asMaker).open()
  await session.close()
  await database.sql(`CREATE SCHEMA empty AUTHORIZATION ${worker}; REVOKE USAGE ON SCHEMA public FROM ${worker};
    ALTER ROLE ${worker} IN DATABASE ${database.target.database} SET search_path = empty`)
  await expect(makeLog(asWorker, { knownLogId: () => session.head.logId }).open()).rejects.toThrow(
    /lacks rights that a node needs: .*USAGE on the schema public/,
  )
  expect(await database.sql(`SELECT 1 FROM pg_tables WHERE schemaname = 'empty'`)).toEqual([])
})

test('a private function beside the log is none of a node’s business', async () => {
  const { database, maker, worker, asMaker, asWorker } = await makeRoles()
  await (await makeLog(asMaker).open()).close()
  await grantDaily(database, worker)
  await database.sql(`CREATE FUNCTION payroll() RETURNS integer LANGUAGE sql AS 'SELECT 1';
    ALTER FUNCTION payroll() OWNER TO ${maker}; REVOKE EXECUTE ON FUNCTION payroll() FROM PUBLIC`)
  await (await makeLog(asWorker).open()).close()
})
