import type { PostgresTarget } from '../../config/index.ts'
import { Refused, Unavailable } from '../index.ts'
import type { Connection } from './connection.ts'
import { requireOwnSession } from './pooler-detection.ts'
import { ignoreRolledBack } from './postgres-errors.ts'
import { applySettings } from './session-settings.ts'

/** A connection that the log may be used over, and that nobody else's statements run on. */
export interface ServerSession {
  /** The number of the server's process that serves the connection. */
  readonly processId: number
  /** What the operator has to know of the server; empty where all is well. */
  readonly warning: string
}

/**
 * Checks that the connection has a session of its own on a server that can hold a log, and sets what the promises rely
 * on. Rejects with `Refused` where waiting won't help, and with `Unavailable` where the server takes no writes now.
 */
export async function openSession(
  connection: Connection,
  target: PostgresTarget,
  timeoutMs: number,
): Promise<ServerSession> {
  const processId = await requireOwnSession(connection, target, timeoutMs)
  // To plan the append anew for each batch would take longer than to run it, and to compile one of its queries much
  // longer.
  await applySettings(connection, { plan_cache_mode: 'force_generic_plan', jit: 'off' })
  const unsafe = await requireServer(connection, target)
  await connection.query({ text: 'LISTEN kvs_log' }).catch(ignoreRolledBack) // not behind every proxy, and only a hint
  return {
    processId,
    warning: unsafe === '' ? '' : `Postgres runs with ${unsafe}: a crash of its machine loses acknowledged writes`,
  }
}

/**
 * @returns the settings that let the server lose what it committed, as in its configuration; empty where there are none
 */
async function requireServer(connection: Connection, { host, port, database, user }: PostgresTarget): Promise<string> {
  const { rows } = await connection.query<[number, string, string, boolean, string]>({
    text: `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
      concat_ws(' and ', CASE current_setting('fsync') WHEN 'off' THEN 'fsync=off' END,
                         CASE current_setting('full_page_writes') WHEN 'off' THEN 'full_page_writes=off' END),
      pg_is_in_recovery(), current_setting('default_transaction_read_only')`,
  })
  const [version = 0, encoding, unsafe = '', isStandby, isReadOnly] = rows[0] ?? []
  if (version < 140_000) throw new Refused(`Postgres ${version / 10_000} is too old: version 14 or newer is needed`)
  if (encoding !== 'UTF8') {
    throw new Refused(`the database "${database}" has the encoding ${encoding}; make one with ENCODING 'UTF8'`)
  }
  if (isStandby) throw new Unavailable(`Postgres at ${host}:${port} is a standby, which takes no writes`)
  if (isReadOnly === 'on') {
    throw new Unavailable(
      `Postgres at ${host}:${port} takes no writes from user "${user}" in database "${database}": it has ` +
        'default_transaction_read_only=on, which ALTER ROLE, ALTER DATABASE or the server’s configuration has set',
    )
  }
  return unsafe
}
