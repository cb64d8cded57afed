import { expect, test } from 'vitest'
import {
  advanceCheckpoint,
  discardCheckpoint,
  readCheckpoint,
} from '../../../kvs/log/postgres/checkpoint-statements.ts'
import { connect } from '../../../kvs/log/postgres/connection.ts'
import { makeLog, migrations } from '../../support/database.ts'
import { put } from '../../support/entries.ts'
import { daily, grantDaily, makeRoles } from './database-roles.ts'

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
