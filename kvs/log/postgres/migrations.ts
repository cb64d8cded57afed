import { readdirSync, readFileSync } from 'node:fs'
import { Refused } from '../index.ts'
import type { Connection } from './connection.ts'
import { refuseObstacles } from './migration-obstacles.ts'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

/** The files `NUMBER_NAME.sql` of a folder, in order. Throws where their numbers do not count from 1 without gaps. */
export function readMigrations(folder: URL): Migration[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
  return files.map((name, index) => {
    const version = Number(/^\d+/.exec(name)?.[0])
    if (version !== index + 1) throw new Error(`migration ${name} should have the number ${index + 1}`)
    return { version, name, sql: readFileSync(new URL(name, folder), 'utf8') }
  })
}

/**
 * Brings the schema to the newest version, in one transaction: all of it or nothing. Idempotent; nodes that start
 * together wait for one another. Rejects with `Refused` where the schema is newer than this program, a foreign object
 * is in the way, or a migration raises an exception, and with `Unavailable` where a right is missing.
 * @returns the names of the migrations that were applied
 */
export async function migrate(
  connection: Connection,
  migrations: readonly Migration[],
  user: string,
): Promise<string[]> {
  if (pendingAfter(await versionOf(connection), migrations).length === 0) return []
  await connection.query({ text: 'BEGIN' })
  try {
    // The number spells "kvs log". Any other would do that no other program is likely to lock.
    await connection.query({ text: 'SELECT pg_advisory_xact_lock($1)', values: [0x6b7673206c6f67n] }, 0)
    const version = await versionOf(connection)
    const pending = pendingAfter(version, migrations)
    if (pending.length > 0) await refuseObstacles(connection, user, version === 0)
    await connection.query({ text: schemaVersions })
    for (const { version, name, sql } of pending) {
      await connection.query({ text: sql }, 0)
      await connection.query({
        text: 'INSERT INTO kvs_migrations (version, name) VALUES ($1, $2)',
        values: [version, name],
      })
    }
    await connection.query({ text: 'COMMIT' })
    return pending.map(({ name }) => name)
  } catch (error) {
    await connection.query({ text: 'ROLLBACK' }).catch(() => undefined)
    throw refusal(error)
  }
}

const schemaVersions = `
  CREATE TABLE IF NOT EXISTS kvs_migrations (
    version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`

/** The newest migration that was applied; 0 where there is no log yet. */
export async function versionOf(connection: Connection): Promise<number> {
  const { rows: exists } = await connection.query<[boolean]>({
    text: `SELECT EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = to_regclass('kvs_migrations') AND attname = 'version')`,
  })
  if (!exists[0]?.[0]) return 0
  const { rows } = await connection.query<[number]>({ text: 'SELECT coalesce(max(version), 0) FROM kvs_migrations' })
  return rows[0]?.[0] ?? 0
}

/** The migrations that a schema of this version lacks. Throws `Refused` where it is newer than this program. */
export function pendingAfter(version: number, migrations: readonly Migration[]): readonly Migration[] {
  if (version > migrations.length) {
    throw new Refused(
      `the database's schema has version ${version}, and this program knows versions up to ${migrations.length}: ` +
        'run a newer one',
    )
  }
  return migrations.slice(version)
}

/**
 * `Refused` for what waiting won't change: a migration's own RAISE EXCEPTION (P0001), whose message is for the
 * operator, or a foreign object that has the name of a table (42P07), a function (42723) or another object (42710) that
 * a migration makes.
 */
function refusal(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  if (error.code === 'P0001') {
    const hint = 'hint' in error && error.hint ? ` (${error.hint})` : ''
    return new Refused(`${error.message}${hint}`, { cause: error })
  }
  if (!/^(42P07|42723|42710)$/.test(String(error.code))) return error
  return new Refused(
    `something that is not this service's has a name that it needs: ${error.message}: use another database or schema`,
    {
      cause: error,
    },
  )
}
