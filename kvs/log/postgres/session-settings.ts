import { ignoreAnswer } from './answers.ts'
import type { Connection } from './connection.ts'

/**
 * What a role, a database or the server may have set otherwise, and what this service rests on. A test holds this list against
 * all settings of the servers that can be had: each is set here, or harmless for a reason given there.
 */
export const sessionSettings = {
  // What ends statements, transactions or sessions that are meant to wait: this side has time-outs of its own.
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0', // Postgres 17; a long log takes its time to be read
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  exit_on_error: 'off',
  // The append rests on each of its locks being taken on the newest version of a row.
  default_transaction_isolation: 'read committed',
  // That a wait for a standby was cut short comes as a WARNING.
  client_min_messages: 'warning',
  // What a policy would hide from this role is an error, not a log with entries left out.
  row_security: 'off',
  // The log's end is read from a view of ours.
  restrict_nonsystem_relation_kind: '',
  // How values go there and come back as text: with array_nulls=off a null in an array would be the word NULL.
  client_encoding: 'UTF8',
  array_nulls: 'on',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  // What migrations make: tables whose rows have places, and functions that other rules for their style do not refuse.
  default_table_access_method: 'heap',
  'plpgsql.extra_errors': 'none',
} as const

/**
 * Sets all this for the connection, but for what is newer than the server.
 * @param more for the same
 */
export async function settle(connection: Connection, more: Record<string, string> = {}): Promise<void> {
  const all = { ...sessionSettings, ...more }
  await connection.query({
    text: `SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS wanted (name, value)
      WHERE name LIKE 'plpgsql.%' OR EXISTS (SELECT FROM pg_settings WHERE pg_settings.name = wanted.name)
      -- 'off' would acknowledge before the commit is on disk
      UNION ALL SELECT set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false)`,
    values: [Object.keys(all), Object.values(all)],
  })
  // Lets the server notice that a node is gone while its statement waits for a lock; not every platform can.
  await connection.query({ text: 'SET client_connection_check_interval = 1000' }).catch(ignoreAnswer)
}
