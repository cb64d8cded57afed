import type { Connection } from './connection.ts'
import { ignoreRolledBack } from './postgres-errors.ts'

/**
 * Settings that the service relies on, and that a role, a database or the server may have set otherwise.
 * session.test.ts and server-language.test.ts compare this list with all settings of the servers at hand: each is set
 * here, or listed in harmless-settings.ts with the reason why it does no harm.
 */
export const sessionSettings = {
  // Nothing may end statements, transactions or sessions that are meant to wait: this side has time-outs of its own.
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0', // Postgres 17; it would cut off the replay of a long log
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  exit_on_error: 'off',
  // The append relies on locking the newest version of each row.
  default_transaction_isolation: 'read committed',
  // The server says by a WARNING that a wait for a standby was cut short.
  client_min_messages: 'warning',
  // `off`: a policy that would hide entries from this role causes an error instead.
  row_security: 'off',
  // The log's end is read from a view.
  restrict_nonsystem_relation_kind: '',
  // How values are written as text and read back: with array_nulls=off a null in an array would be the word NULL.
  client_encoding: 'UTF8',
  array_nulls: 'on',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  // Migrations make tables whose rows have a ctid, and functions that stricter checks would refuse.
  default_table_access_method: 'heap',
  'plpgsql.extra_errors': 'none',
} as const

/**
 * Sets them for the connection, except those that the server is too old to know.
 * @param more further settings
 */
export async function applySettings(connection: Connection, more: Record<string, string> = {}): Promise<void> {
  const all = { ...sessionSettings, ...more }
  await connection.query({
    text: `SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS wanted (name, value)
      WHERE name LIKE 'plpgsql.%' OR EXISTS (SELECT FROM pg_settings WHERE pg_settings.name = wanted.name)
      -- 'off' would acknowledge before the commit is on disk
      UNION ALL
      SELECT set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false)`,
    values: [Object.keys(all), Object.values(all)],
  })
  // Lets the server notice that a node is gone while its statement waits for a lock. Not every platform can.
  await connection.query({ text: 'SET client_connection_check_interval = 1000' }).catch(ignoreRolledBack)
}
