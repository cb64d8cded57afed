import type { PostgresTarget } from '../../config/index.ts'
import { Refused, Unavailable } from '../index.ts'
import { type Connection, connect } from './connection.ts'
import { explain, whereOf } from './failure-explanation.ts'
import { readHead } from './log-end.ts'
import { refuseObstacles } from './migration-obstacles.ts'
import { pendingAfter, readMigrations, versionOf } from './migrations.ts'
import { requireDailyRights } from './rights.ts'
import { enterSchema } from './schema-search.ts'
import { openSession } from './server-session.ts'

export interface InspectionOptions {
  readonly target: PostgresTarget
  readonly timeoutMs: number
  /** The id of the log to find, in whatever schema of the database; undefined for any log. */
  readonly logId: string | undefined
}

/**
 * Connects as a node does, and describes what it finds in a sentence, for `--check`. Changes nothing but its own
 * session, and reads the log in a read-only transaction. Rejects with an Error that says why a node could not use what
 * is there.
 */
export async function inspectLog({ target, timeoutMs, logId }: InspectionOptions): Promise<string> {
  try {
    const connection = await connect(target, timeoutMs)
    try {
      const { warning } = await openSession(connection, target, timeoutMs)
      const schema = await enterSchema(connection, { logId, isMet: false }, target.user)
      await connection.query({ text: 'BEGIN READ ONLY' })
      const found = await describeLog(connection, target.user, schema)
      await connection.query({ text: 'ROLLBACK' })
      const warnings = [warning, ...found.warnings].filter((text) => text !== '').map((text) => `; ${text}`)
      return `${target.database} at ${target.host}:${target.port} (${connection.tls}): ${found.log}${warnings.join('')}`
    } finally {
      await connection.close()
    }
  } catch (error) {
    if (error instanceof Refused || error instanceof Unavailable) throw error
    throw new Error(explain(error, whereOf(target)), { cause: error })
  }
}

async function describeLog(
  connection: Connection,
  user: string,
  schema: string,
): Promise<{ log: string; warnings: string[] }> {
  const { rows } = await connection.query<[string]>({ text: `SELECT current_setting('server_version')` })
  const server = `Postgres ${rows[0]?.[0]}`
  const migrations = readMigrations(new URL('../../../migrations/', import.meta.url))
  const version = await versionOf(connection)
  if (pendingAfter(version, migrations).length > 0) {
    await refuseObstacles(connection, user, version === 0)
    const old = `a log of schema version ${version}, which a start migrates to ${migrations.length}`
    return { log: `${server}, ${version === 0 ? 'no log yet, which a start makes' : old}`, warnings: [schema] }
  }
  const rights = await requireDailyRights(connection, user)
  const { logId, entries } = await readHead(connection)
  return { log: `${server}, the log ${logId} with ${entries} entries`, warnings: [schema, rights] }
}
