import type { DeletesPage, LogImport } from '../index.ts'
import type { Connection } from './connection.ts'

/** How much of the log one statement looks through, in entries: a few milliseconds. */
const mostEntries = 10_000n

/** As `LogImport.forgotten`. */
export async function readForgotten(connection: Connection): Promise<number> {
  const { rows } = await connection.query<[string]>({ text: 'SELECT forgotten_stamp FROM log_head' })
  return Number(rows[0]?.[0] ?? 0)
}

/** As `LogImport.forget`. Returns the stamp that there is then. */
export async function forgetDeletes(connection: Connection, through: number): Promise<number> {
  const { rows } = await connection.query<[string]>({ text: 'SELECT forget_deletes($1)', values: [through] })
  return Number(rows[0]?.[0] ?? 0)
}

/** As `LogImport.readDeletes`. */
export async function readDeletes(
  connection: Connection,
  ...[after, through, stamp]: Parameters<LogImport['readDeletes']>
): Promise<DeletesPage> {
  const reached = after + mostEntries < through ? after + mostEntries : through
  const { rows } = await connection.query<[string, string, boolean, string]>({
    text: 'SELECT key, stamp, is_expiry, origin FROM deletes_between($1, $2, $3)',
    values: [after, reached, stamp],
  })
  const deletes = rows.map(([key, stamp, isExpiry, origin]) => ({ key, stamp: Number(stamp), isExpiry, origin }))
  return { reached, deletes }
}
