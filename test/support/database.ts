import { randomUUID } from 'node:crypto'
import type { Client } from 'pg'
import { inject, onTestFinished } from 'vitest'
import type { PostgresTarget } from '../../kvs/config/postgres-target.ts'
import { readMigrations } from '../../kvs/log/postgres/migrations.ts'
import { makePostgresLog, type PostgresLogOptions } from '../../kvs/log/postgres/postgres-log.ts'
import { openClient } from '../../tools/lab/postgres-client.ts'

export const migrations = readMigrations(new URL('../../migrations/', import.meta.url))

export interface Database {
  readonly target: PostgresTarget
  /** Runs SQL on a connection of the test's own; rows as objects. */
  sql<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  /** A further connection, for what has to be held open. */
  connect(): Promise<Client>
}

/** Statements of somebody who gets past the triggers that guard the log, as only a superuser can. */
export function byForce(statements: string): string {
  return `SET session_replication_role = replica; ${statements}; RESET session_replication_role`
}

/** A new, empty database on the tests' server, gone with the test. */
export async function makeDatabase(encoding = 'UTF8'): Promise<Database> {
  const server = inject('postgres')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const clients: Client[] = []

  async function open(database: string): Promise<Client> {
    const client = await openClient({ ...server, database })
    clients.push(client)
    return client
  }

  const admin = await open('postgres')
  await admin.query(`CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0 LOCALE 'C'`)
  const client = await open(name)
  onTestFinished(async () => {
    for (const client of clients.slice(1)) await client.end()
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  })
  return {
    target: { ...server, database: name, applicationName: 'kvs', tls: { mode: 'disable' } },
    sql: async (text, values) => (await client.query(text, values)).rows,
    connect: () => open(name),
  }
}

/** Makes a log whose schema has an older version, as a program of that version has left it. */
export async function makeOlderLog({ sql }: Pick<Database, 'sql'>, version: number): Promise<void> {
  await sql(`CREATE TABLE kvs_migrations (
    version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
  for (const migration of migrations.slice(0, version)) {
    await sql(migration.sql)
    await sql('INSERT INTO kvs_migrations (version, name) VALUES ($1, $2)', [migration.version, migration.name])
  }
}

/** The real log on a database, with a writer of its own. */
export function makeLog({ target }: Pick<Database, 'target'>, options: Partial<PostgresLogOptions> = {}) {
  const quiet = () => undefined
  return makePostgresLog({
    target,
    writerId: randomUUID(),
    migrations,
    timeoutMs: 10_000,
    info: quiet,
    warn: quiet,
    ...options,
  })
}
