import { Unavailable } from '../index.ts'
import type { Connection } from './connection.ts'

type Right = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE'

/**
 * The rights on tables that a role needs for the daily work where it does not own them. It needs USAGE on their schema
 * as well, and EXECUTE on the functions there, which everybody has by default. test/rules/docs.test.ts holds
 * docs/postgres.md to it.
 */
export const dailyRights: Readonly<Record<string, readonly Right[]>> = {
  transactions: ['SELECT', 'INSERT'],
  log_head: ['SELECT', 'UPDATE'],
  end_of_log: ['SELECT'],
  writers: ['SELECT', 'INSERT', 'UPDATE'],
  answers: ['SELECT', 'INSERT', 'DELETE'],
  checkpoint: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  checkpoint_entries: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'],
  kvs_migrations: ['SELECT'],
}

/** The functions that a node calls, and those that they call. */
export const dailyFunctions: readonly string[] = [
  ...['begin_change', 'begin_append', 'append_writes', 'append_conditional', 'register_writer', 'next_digest'],
  ...['notify_of_append', 'digest_at', 'advance_checkpoint', 'checkpoint_hash', 'checkpoint_is_of_log'],
  ...['checkpoint_batch_end', 'stamp_of', 'stamp_at', 'append_foreign', 'origins_through'],
  ...['forget_deletes', 'deletes_between', 'slot_of', 'append_ring', 'note_ring_seen'],
  ...['append_moved', 'earlier_version_at'],
]

interface Missing {
  /** The name of the schema, table or function. */
  readonly name: string
  readonly kind: 'schema' | 'table' | 'function'
  readonly rights: string
}

/**
 * Checks the role's rights on the log in the session's schema; does nothing where there is none. Rejects with
 * `Unavailable`, and a sentence that names each right that is missing, where a node can't do without one of them.
 * @returns the same sentence for rights that a node can do without; empty where none is missing
 */
export async function requireDailyRights(connection: Connection, user: string): Promise<string> {
  const missing = await findMissing(connection, undefined)
  const needed = missing.filter(({ kind, name }) => kind === 'schema' || !name.includes('checkpoint'))
  if (needed.length > 0) throw new Unavailable(sentence(user, missing))
  return missing.length > 0
    ? `${sentence(user, missing)}; without them the checkpoint is not used or not brought forward, and starts take ` +
        'longer'
    : ''
}

/** An error that names each right that is missing on the log in another schema, which can't be read. */
export async function missingRights(connection: Connection, user: string, quotedSchema: string): Promise<Unavailable> {
  return new Unavailable(sentence(user, await findMissing(connection, quotedSchema)))
}

function sentence(user: string, missing: readonly Missing[]): string {
  const rights = missing.map(({ rights, kind, name }) => `${rights} on the ${kind} ${name}`)
  return `user "${user}" lacks rights that a node needs: ${rights.join(', ')}: GRANT them (docs/postgres.md)`
}

/** @param quotedSchema undefined is the session's schema */
async function findMissing(connection: Connection, quotedSchema: string | undefined): Promise<Missing[]> {
  const rights = Object.entries(dailyRights).flatMap(([name, rights]) => rights.map((right) => ({ name, right })))
  const { rows } = await connection.query<[rights: string, kind: Missing['kind'], name: string]>({
    text: `
      WITH place AS (
        SELECT relnamespace::regnamespace AS schema FROM pg_class
        WHERE relname = 'log_head' AND relnamespace = coalesce($3, quote_ident(current_schema()))::regnamespace
      )
      SELECT 'USAGE', 'schema', schema::text FROM place WHERE NOT has_schema_privilege(schema, 'USAGE')
      UNION ALL
      SELECT string_agg(wanted.privilege, ', ' ORDER BY place_in_list), 'table', wanted.name
      FROM place, unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (name, privilege, place_in_list)
      JOIN pg_class ON relname = wanted.name
      WHERE relnamespace = schema AND NOT has_table_privilege(pg_class.oid, wanted.privilege)
        -- for a right that can be granted for columns
        AND (wanted.privilege IN ('DELETE', 'TRUNCATE') OR NOT has_any_column_privilege(pg_class.oid, wanted.privilege))
      GROUP BY wanted.name
      UNION ALL
      SELECT DISTINCT 'EXECUTE', 'function', proname::text FROM place, pg_proc
      WHERE pronamespace = schema AND proname = ANY ($4) AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')
      ORDER BY 2, 3`,
    values: [rights.map(({ name }) => name), rights.map(({ right }) => right), quotedSchema ?? null, dailyFunctions],
  })
  return rows.map(([rights, kind, name]) => ({ rights, kind, name }))
}
