import { byForce, type Database } from '../../support/database.ts'
import type { Site } from './sites.ts'

async function tablesOf({ sql }: Database): Promise<readonly string[]> {
  const rows = await sql<{ name: string }>(
    `SELECT quote_ident(table_name) AS name FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name <> 'kvs_migrations'`,
  )
  return rows.map(({ name }) => name)
}

/** Backs the log up as it is. Returns what brings it back, whatever was committed since. */
export async function backUp(database: Database): Promise<() => Promise<void>> {
  const tables = await tablesOf(database)
  await database.sql('CREATE SCHEMA backup')
  for (const table of tables) await database.sql(`CREATE TABLE backup.${table} AS TABLE ${table}`)
  const statements = tables.map(
    (table) => `DELETE FROM ${table}; INSERT INTO ${table} OVERRIDING SYSTEM VALUE TABLE backup.${table}`,
  )
  return async () => void (await database.sql(byForce(statements.join('; '))))
}

export async function killNode({ nodes }: Site): Promise<void> {
  nodes[0]?.kill('SIGKILL')
  await nodes[0]?.ended
}
