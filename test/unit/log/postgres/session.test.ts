import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { Unavailable } from '../../../../kvs/log/log.ts'
import { advanceCheckpoint } from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { makeCheckpointer } from '../../../../kvs/log/postgres/checkpointer.ts'
import { connect } from '../../../../kvs/log/postgres/connection.ts'
import { sessionSettings } from '../../../../kvs/log/postgres/session-settings.ts'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { until } from '../../../support/until.ts'
import { isHarmless, settingsOfRoles } from './harmless-settings.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

/** As a role or a database may have them. */
const hostile: Record<keyof typeof sessionSettings, string> = {
  statement_timeout: '10min',
  lock_timeout: '10min',
  transaction_timeout: '10min',
  idle_in_transaction_session_timeout: '10min',
  idle_session_timeout: '10min',
  exit_on_error: 'on',
  default_transaction_isolation: 'serializable',
  client_min_messages: 'error',
  row_security: 'on',
  restrict_nonsystem_relation_kind: 'view',
  client_encoding: 'LATIN1',
  array_nulls: 'off',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  standard_conforming_strings: 'off',
  transform_null_equals: 'on',
  default_table_access_method: 'another',
  'plpgsql.extra_errors': 'all',
}

async function setForAll(settings: Record<string, string>): Promise<void> {
  // What is only to be there when it is used is not checked.
  await database.sql(`CREATE ACCESS METHOD another TYPE TABLE HANDLER heap_tableam_handler`)
  for (const [name, value] of Object.entries(settings)) {
    await database.sql(`ALTER DATABASE ${database.target.database} SET ${name} = '${value}'`)
  }
}

/** Has what a statement sees written down, by a trigger on the table that it writes to. */
async function witness(table: string): Promise<() => Promise<Record<string, string> | undefined>> {
  await database.sql('CREATE TABLE seen (settings jsonb)')
  await database.sql(`CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO seen SELECT jsonb_object_agg(name, setting) FROM pg_settings; RETURN NULL; END $$`)
  await database.sql(`CREATE TRIGGER see AFTER INSERT OR UPDATE ON ${table} EXECUTE FUNCTION see()`)
  return async () => (await database.sql<{ settings: Record<string, string> }>('SELECT * FROM seen'))[0]?.settings
}

describe('what a role or a database has set', () => {
  test('does not reach the session that appends', async () => {
    await setForAll({ ...hostile, synchronous_commit: 'off' })
    const session = await makeLog(database).open()
    const seen = await witness('transactions')
    await session.append([put('a')])
    expect(await seen()).toMatchObject({ ...sessionSettings, synchronous_commit: 'on' })
    await session.close()
  })

  test('nor the one that checkpoints', async () => {
    await setForAll(hostile)
    const session = await makeLog(database).open()
    const seen = await witness('checkpoint')
    await session.append([put('a')])
    const stopping = new AbortController()
    const checkpointer = makeCheckpointer({
      ...{ target: database.target, timeoutMs: 10_000, pace: { pollEveryMs: 10, quietLag: 0 } },
      warn: (message) => expect.fail(message),
    })
    const run = checkpointer.run(stopping.signal)
    expect(await until('a checkpoint was made', seen)).toMatchObject(sessionSettings)
    stopping.abort()
    await run
    await session.close()
  })

  test('is left alone by a checkpoint step, which skips the disk for its own transaction only', async () => {
    const session = await makeLog(database).open()
    await session.append([put('a')])
    const connection = await connect(database.target, 10_000)
    expect(await advanceCheckpoint(connection, 1)).toMatchObject({ outcome: 'begun', reached: 1n })
    const { rows } = await connection.query({ text: `SELECT current_setting('synchronous_commit')` })
    expect(rows).toEqual([['on']])
    await connection.close()
    await session.close()
  })

  test('does not change what is written and read', async () => {
    await setForAll(hostile)
    const session = await makeLog(database).open()
    const write = put('\\ é 😀 NULL', Buffer.from([0, 92, 255, 39]))
    await session.append([write])
    await session.append([put('b', 'c', 'text/plain')])
    expect((await readAll(session)).map(({ write }) => write)).toEqual([write, put('b', 'c', 'text/plain')])
    await session.close()
  })

  test('to be read only is told as what it is, and is not a standby', async () => {
    await (await makeLog(database).open()).close()
    await setForAll({ default_transaction_read_only: 'on' })
    const error = await makeLog(database)
      .open()
      .catch((error) => error)
    expect(error).toBeInstanceOf(Unavailable)
    expect(error.message).toMatch(
      /takes no writes from user "kvs" in database "test_\w+": it has default_transaction_read_only=on/,
    )
  })

  test('is one of the settings that are set for each session, or harmless for a reason', async () => {
    await database.sql(`LOAD 'plpgsql'`)
    expectKnown((await database.sql<{ name: string }>(settingsOfRoles)).map(({ name }) => name))
  })
})

/** Of other versions that the machine may have, under Debian's names. */
const others = [14, 15, 16, 17]
  .map((version) => ({ version, path: `/usr/lib/postgresql/${version}/bin/postgres` }))
  .filter(({ path }) => existsSync(path))

test.each(others)('nor has a Postgres $version that is installed here a setting that is neither', ({ path }) => {
  const all = execFileSync(path, ['--describe-config'], { encoding: 'utf8' }).trim().split('\n')
  const rows = all.map((line) => line.split('\t'))
  const ofRoles = rows.filter(([, context = '']) => /^(user|superuser|backend|superuser-backend)$/.test(context))
  expectKnown(ofRoles.map(([name = '']) => name))
})

function expectKnown(names: readonly string[]): void {
  expect(names.length).toBeGreaterThan(100)
  expect(names.filter((name) => !(name in sessionSettings) && !isHarmless(name))).toEqual([])
}
