import { Diverged, Refused, Unavailable, wentBackAdvice } from '../index.ts'
import type { Connection } from './connection.ts'
import { isRolledBack } from './postgres-errors.ts'
import { missingRights } from './rights.ts'

/** What this node knows of its log beforehand. */
export interface Known {
  /** The id of the log that the data directory was last used with; undefined for a new directory. */
  readonly logId: string | undefined
  /** This process was connected to that log, so any other one is `Diverged`. */
  readonly isMet: boolean
}

/** A log in the database. */
interface FoundLog {
  /** Its schema's name, quoted. */
  readonly quoted: string
  /** The search_path leads to it. */
  readonly isVisible: boolean
  /** The role may read it. */
  readonly isReadable: boolean
  /** Place of its schema in the search_path, from 1; Infinity where it is not there. */
  readonly place: number
  /** Undefined where the id can't be read, its row in log_head is gone, or it was not needed. */
  readonly logId: string | undefined
  /** Why the id could not be read now, though the role may read it. */
  readonly obstacle?: string
}

/** How long the read of another schema's log_head may wait for a lock, in milliseconds. */
const patienceMs = 250

interface SearchPath {
  /**
   * The schema, quoted, in which a new log is made: that of a textbook table to adopt, or the search_path's first one.
   */
  readonly target: string | undefined
  readonly text: string
}

type Row = [
  target: string | null,
  text: string,
  quoted: string | null,
  isVisible: boolean,
  isReadable: boolean,
  place: number | null,
]

/**
 * Finds the log in the database by its id, not by where the search_path leads, and sets the session's search_path to
 * its schema; with a search_path that was changed, a start would otherwise begin an empty log. Changes nothing but the
 * session, which must not be in a transaction, since a read that fails would abort it.
 * @returns a warning for the operator; empty where the search_path leads to the log, or to the schema for the first one
 * @throws Diverged where the log that this process was connected to is gone; Refused where it is there twice;
 * Unavailable where no schema can hold a new one, or a right is missing
 */
export async function enterSchema(connection: Connection, known: Known, user: string): Promise<string> {
  const { path, logs } = await findLogs(connection, known)
  const log = chooseLog(logs, known, user)
  const hidden = findHidden(logs, log, known)
  if (hidden?.obstacle !== undefined) {
    throw new Unavailable(
      `the log ${known.logId} of this node is not found, and log_head of the schema ${hidden.quoted}, where it may ` +
        `be, can’t be read now (${hidden.obstacle})`,
    )
  }
  if (hidden) throw await missingRights(connection, user, hidden.quoted)
  // A log without its row in log_head is reported as broken when its head is read.
  const isOther = log === undefined || (log.logId !== undefined && log.logId !== known.logId)
  if (known.isMet && isOther) {
    throw new Diverged(`the log went back, or is another one: it knows nothing of this node. ${wentBackAdvice}`)
  }
  const schema = log?.quoted ?? schemaForNewLog(path, user)
  await connection.query({
    // pg_temp comes last. Without it, a temporary table would be taken for one of the log's.
    text: `SELECT set_config('search_path', $1, false)`,
    values: [`${schema}, pg_temp`],
  })
  if (log && !log.isVisible) {
    return (
      `the log ${log.logId} of this node is in the schema ${log.quoted}, and is used there; the search_path of user ` +
      `"${user}" (${path.text}) does not lead to it: ALTER ROLE … SET search_path = ${log.quoted}; for another log, ` +
      'set KVS_DATA_DIR to another directory'
    )
  }
  const others = logs.map(({ quoted, logId }) => `${quoted} (${logId ?? 'not readable'})`).join(', ')
  if (log || others === '') return ''
  return (
    `a new log is begun in the schema ${schema}, where the search_path of user "${user}" leads; the database ` +
    `has one in ${others}, too`
  )
}

/**
 * Reads the id of the log that the search_path leads to, and those of others only where that one is not the known log.
 */
async function findLogs(connection: Connection, { logId }: Known): Promise<{ path: SearchPath; logs: FoundLog[] }> {
  const { rows } = await connection.query<Row>({
    text: `
      SELECT coalesce(
          (SELECT relnamespace::regnamespace::text FROM pg_class
           WHERE oid = to_regclass('transactions') AND relpersistence <> 't'),
          quote_ident(current_schema())),
        current_setting('search_path'), quote_ident(nspname), is_visible, is_readable,
        (SELECT min(place)::int
         FROM unnest(string_to_array(current_setting('search_path'), ',')) WITH ORDINALITY AS path (name, place)
         WHERE nspname = CASE trim(name, ' "') WHEN '$user' THEN session_user::text ELSE trim(name, ' "') END)
      FROM (VALUES (1)) AS always LEFT JOIN (
        SELECT nspname, pg_table_is_visible(c.oid) AS is_visible,
               has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS is_readable
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relname = 'log_head' AND c.relkind = 'r' AND c.relpersistence <> 't'
          AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'log_id' AND NOT attisdropped)
      ) AS log ON true
      ORDER BY nspname`,
  })
  const [first] = rows
  const path = { target: first?.[0] ?? undefined, text: first?.[1] ?? '' }
  const found = rows.flatMap(([, , quoted, isVisible, isReadable, place]): FoundLog[] =>
    quoted === null ? [] : [{ quoted, isVisible, isReadable, place: place ?? Infinity, logId: undefined }],
  )
  const logs: FoundLog[] = []
  const visible = found.find(({ isVisible, isReadable }) => isVisible && isReadable)
  const visibleId = visible && (await readLogId(connection, visible.quoted))
  const isDecided = visible !== undefined && (logId === undefined || visibleId === logId)
  for (const log of found) {
    if (log === visible) logs.push({ ...log, logId: visibleId })
    else logs.push({ ...log, ...(log.isReadable && !isDecided && (await tryReadLogId(connection, log.quoted))) })
  }
  return { path, logs }
}

async function readLogId(connection: Connection, quotedSchema: string): Promise<string | undefined> {
  const { rows } = await connection.query<[string]>({
    text: `SELECT log_id FROM ONLY ${quotedSchema}.log_head LIMIT 1`,
  })
  return rows[0]?.[0]
}

/** The table may be anybody's: a lock on it, or a policy, must not keep this node from a log elsewhere. */
async function tryReadLogId(
  connection: Connection,
  quotedSchema: string,
): Promise<Pick<FoundLog, 'logId' | 'obstacle'>> {
  try {
    // Sent together, the statements are one transaction, and the settings end with it.
    const text =
      `SET TRANSACTION READ ONLY; SET LOCAL lock_timeout = ${patienceMs}; SELECT log_id FROM ONLY ` +
      `${quotedSchema}.log_head LIMIT 1`
    const answers: unknown = await connection.query({ text })
    const [, , read] = answers as { rows: [string][] }[]
    return { logId: read?.rows[0]?.[0] }
  } catch (error) {
    if (!isRolledBack(error)) throw error
    return { logId: undefined, obstacle: error.message }
  }
}

/**
 * A log that can't be read now, or that this role may not read, and that may be the right one. Postgres skips a schema
 * of the search_path without USAGE, so a start would begin another log.
 */
function findHidden(logs: readonly FoundLog[], log: FoundLog | undefined, { logId }: Known): FoundLog | undefined {
  const isKnown = logId !== undefined && log?.logId === logId
  const isLost = logId !== undefined && !isKnown
  const isBefore = ({ isVisible, place }: FoundLog) => isVisible || place < (log?.place ?? Infinity)
  return logs.find((found) =>
    found.isReadable ? isLost && found.obstacle !== undefined : isLost || (!isKnown && isBefore(found)),
  )
}

/** The known log, wherever it is, or else the one that the search_path leads to. */
function chooseLog(logs: readonly FoundLog[], { logId }: Known, user: string): FoundLog | undefined {
  const visible = logs.find(({ isVisible, isReadable }) => isVisible && isReadable)
  if (logId === undefined || visible?.logId === logId) return visible
  const [same, ...more] = logs.filter((log) => log.logId === logId)
  if (same === undefined || more.length === 0) return same ?? visible
  const places = [same, ...more].map(({ quoted }) => quoted).join(' and ')
  throw new Refused(
    `the log ${logId} of this node is in the database more than once, in the schemas ${places}: have the ` +
      `search_path of user "${user}" lead to the right one`,
  )
}

function schemaForNewLog({ target, text }: SearchPath, user: string): string {
  if (/^\s*"?pg_temp"?\s*(,|$)/.test(text)) {
    throw new Unavailable(
      `the search_path of user "${user}" (${text}) begins with pg_temp, whose tables are gone with their ` +
        'connection: ALTER ROLE … SET search_path to a schema that stays',
    )
  }
  if (target !== undefined) return target
  throw new Unavailable(
    `the search_path of user "${user}" (${text}) names no schema that is there and that this user may look into: ` +
      'make one (CREATE SCHEMA), GRANT USAGE on it, or ALTER ROLE … SET search_path to one that is',
  )
}
