import type { PostgresTarget } from '../config/postgres.ts'
import { type Connection, connect } from './connection.ts'
import { explain } from './failures.ts'
import { Refused } from './log.ts'
import { pendingAfter, readMigrations, versionOf } from './migrate.ts'
import { readHead } from './read.ts'

export interface LookOptions {
  readonly target: PostgresTarget
  readonly timeoutMs: number
}

/**
 * Connects as a node would, and tells what it finds in a sentence; changes nothing, since all of it is one transaction that
 * may only read. Rejects with an Error that says why a node could not use what is there.
 */
export async function lookAtLog({ target, timeoutMs }: LookOptions): Promise<string> {
  try {
    const connection = await connect(target, timeoutMs)
    try {
      await connection.query({ text: 'BEGIN READ ONLY' })
      const found = await lookThrough(connection, target)
      await connection.query({ text: 'ROLLBACK' })
      return `${target.database} at ${target.host}:${target.port} (${connection.tls}): ${found}`
    } finally {
      await connection.close()
    }
  } catch (error) {
    if (error instanceof Refused) throw error
    throw new Error(explain(error, { ...target, sslmode: target.tls.mode }), { cause: error })
  }
}

async function lookThrough(connection: Connection, target: PostgresTarget): Promise<string> {
  const { rows } = await connection.query<[string, number, string, boolean, boolean | null]>({
    text: `SELECT current_setting('server_version'), current_setting('server_version_num')::int,
      current_setting('server_encoding'), pg_is_in_recovery(), has_schema_privilege(current_schema(), 'CREATE')`,
  })
  const [name, version = 0, encoding, isStandby, mayCreate] = rows[0] ?? []
  if (version < 140_000) throw new Refused(`Postgres ${name} is too old: version 14 or newer is needed`)
  if (encoding !== 'UTF8') {
    throw new Refused(`the database "${target.database}" has the encoding ${encoding}; make one with ENCODING 'UTF8'`)
  }
  if (isStandby) throw new Refused(`Postgres at ${target.host}:${target.port} is a standby, which takes no writes`)
  const migrations = readMigrations(new URL('../../migrations/', import.meta.url))
  const schema = await versionOf(connection)
  const pending = pendingAfter(schema, migrations).length
  if (pending > 0 && mayCreate !== true) {
    throw new Refused(`user "${target.user}" may make no tables in database "${target.database}": a start has to`)
  }
  if (schema === 0) return `Postgres ${name}, no log yet, which a start makes`
  if (pending > 0)
    return `Postgres ${name}, a log of schema version ${schema}, which a start migrates to ${migrations.length}`
  const { logId, entries } = await readHead(connection)
  return `Postgres ${name}, the log ${logId} with ${entries} entries`
}
