import type { Connection } from './connection.ts'
import { Unavailable } from './log.ts'

type Right = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE'

/**
 * What a role that does not own the log's tables needs for the daily work, besides USAGE on their schema and EXECUTE on the
 * functions there, which everybody has by default. docs/postgres.md has the list.
 */
export const dailyRights: Readonly<Record<string, readonly Right[]>> = {
  transactions: ['SELECT', 'INSERT'],
  log_head: ['SELECT', 'UPDATE'],
  log_end: ['SELECT'],
  writers: ['SELECT', 'INSERT', 'UPDATE'],
  answers: ['SELECT', 'INSERT', 'DELETE'],
  checkpoint: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  checkpoint_entries: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'],
  kvs_migrations: ['SELECT'],
}

/**
 * Where there is a log in the session's schema: rejects with a sentence that names each right that the role lacks for it.
 * @returns the same for what a node can do without; empty where nothing is missing
 */
export async function requireDailyRights(connection: Connection, user: string): Promise<string> {
  const missing = await findMissing(connection, undefined)
  const needed = missing.filter((right) => !right.includes('checkpoint'))
  if (needed.length > 0) throw new Unavailable(sentence(user, missing))
  return missing.length > 0
    ? `${sentence(user, missing)}; without them the checkpoint is not used or not brought forward, and starts take longer`
    : ''
}

/** Of the log in a schema that can't be read: a sentence that names each right that is missing there. */
export async function lacking(connection: Connection, user: string, quotedSchema: string): Promise<Unavailable> {
  return new Unavailable(sentence(user, await findMissing(connection, quotedSchema)))
}

function sentence(user: string, missing: readonly string[]): string {
  return `user "${user}" lacks rights that a node needs: ${missing.join(', ')}: GRANT them (docs/postgres.md)`
}

/** @param quotedSchema undefined is that of the session */
async function findMissing(connection: Connection, quotedSchema: string | undefined): Promise<string[]> {
  const rights = Object.entries(dailyRights).flatMap(([name, rights]) => rights.map((right) => ({ name, right })))
  const { rows } = await connection.query<[string]>({
    text: `
      WITH place AS (
        SELECT relnamespace::regnamespace AS schema FROM pg_class
        WHERE relname = 'log_head' AND relnamespace = coalesce($3, quote_ident(current_schema()))::regnamespace
      )
      SELECT 'USAGE on the schema ' || schema FROM place WHERE NOT has_schema_privilege(schema, 'USAGE')
      UNION ALL
      SELECT string_agg(wanted.privilege, ', ' ORDER BY place_in_list) || ' on the table ' || wanted.name
      FROM place, unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (name, privilege, place_in_list)
      JOIN pg_class ON relname = wanted.name
      WHERE relnamespace = schema AND NOT has_table_privilege(pg_class.oid, wanted.privilege)
        -- for a right that can be granted for columns
        AND (wanted.privilege IN ('DELETE', 'TRUNCATE') OR NOT has_any_column_privilege(pg_class.oid, wanted.privilege))
      GROUP BY wanted.name
      UNION ALL
      SELECT 'EXECUTE on the function ' || proname
      FROM place, pg_proc JOIN pg_class AS head ON head.relname = 'log_head' AND head.relnamespace = pronamespace
      WHERE pronamespace = schema AND proowner = head.relowner AND prorettype <> 'trigger'::regtype
        AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
      ORDER BY 1`,
    values: [rights.map(({ name }) => name), rights.map(({ right }) => right), quotedSchema ?? null],
  })
  return rows.map(([right]) => right)
}
