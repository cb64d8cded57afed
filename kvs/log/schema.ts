import type { Connection } from './connection.ts'
import { advice, Diverged, Refused, Unavailable } from './log.ts'
import { lacking } from './rights.ts'

/** What is known of the log before it is looked for. */
export interface Known {
  /** The log that the data directory was last used with. */
  readonly logId: string | undefined
  /** This process has been connected to it: it must not become another one. */
  readonly isMet: boolean
}

interface Found {
  readonly schema: string
  readonly quoted: string
  /** The search_path leads to it. */
  readonly isVisible: boolean
  readonly logId: string | undefined
}

interface Path {
  /** Where the search_path has a table made, quoted; for a log that is to be adopted, the schema where that is. */
  readonly target: string | undefined
  readonly text: string
}

type Row = [
  target: string | null,
  text: string,
  schema: string | null,
  quoted: string | null,
  isVisible: boolean,
  isReadable: boolean,
  isInPath: boolean,
]

/**
 * Finds the log in the database by its identity, not by where the search_path leads, and keeps the session to its schema:
 * a search_path that was changed would have the next start begin an empty log. Changes nothing but the session.
 * @returns what an operator is to know; empty where the search_path leads to the log, or to where the first one is to be
 * @throws Diverged where the log that this process was connected to is gone; Refused where it is there twice; Unavailable
 * where there is nowhere to put one, or a right is missing
 */
export async function enterSchema(connection: Connection, known: Known, user: string): Promise<string> {
  const { path, logs } = await look(connection, user)
  const log = choose(logs, known, user)
  if (known.isMet && log?.logId !== known.logId) {
    throw new Diverged(`the log went back, or is another one: it knows nothing of this node. ${advice}`)
  }
  const schema = log?.quoted ?? placeForNew(path, user)
  await connection.query({
    // pg_temp last: else a temporary table would be taken for one of the log's.
    text: `SELECT set_config('search_path', $1, false)`,
    values: [`${schema}, pg_temp`],
  })
  if (log && !log.isVisible) {
    return (
      `the log ${log.logId} of this node is in the schema ${log.quoted}, and is used there; the search_path of user "${user}" ` +
      `(${path.text}) does not lead to it: ALTER ROLE … SET search_path = ${log.quoted}; for another log, set KVS_DATA_DIR to another directory`
    )
  }
  const others = logs.map(({ quoted, logId }) => `${quoted} (${logId ?? 'not readable'})`).join(', ')
  if (log || others === '') return ''
  return `a new log is begun in the schema ${schema}, where the search_path of user "${user}" leads; the database has one in ${others}, too`
}

async function look(connection: Connection, user: string): Promise<{ path: Path; logs: Found[] }> {
  const { rows } = await connection.query<Row>({
    text: `
      SELECT coalesce(
          (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('transactions') AND relpersistence <> 't'),
          quote_ident(current_schema())),
        current_setting('search_path'), nspname, quote_ident(nspname), is_visible, is_readable,
        nspname = ANY (SELECT CASE trim(name, ' "') WHEN '$user' THEN session_user::text ELSE trim(name, ' "') END
                       FROM unnest(string_to_array(current_setting('search_path'), ',')) AS name)
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
  const logs: Found[] = []
  for (const [, , schema, quoted, isVisible, isReadable, isInPath] of rows) {
    if (schema === null || quoted === null) continue
    // Postgres passes over a schema of the search_path that it may not look into: another log would be begun.
    if (!isReadable && (isVisible || isInPath)) throw await lacking(connection, user, quoted)
    logs.push({ schema, quoted, isVisible, logId: isReadable ? await readLogId(connection, quoted) : undefined })
  }
  return { path, logs }
}

async function readLogId(connection: Connection, quotedSchema: string): Promise<string | undefined> {
  const { rows } = await connection.query<[string]>({ text: `SELECT log_id FROM ${quotedSchema}.log_head` })
  return rows[0]?.[0]
}

/** The one that is known, wherever it is; else where the search_path leads. */
function choose(logs: readonly Found[], { logId }: Known, user: string): Found | undefined {
  const visible = logs.find(({ isVisible }) => isVisible)
  if (logId === undefined || visible?.logId === logId) return visible
  const [same, ...more] = logs.filter((log) => log.logId === logId)
  if (same === undefined || more.length === 0) return same ?? visible
  const places = [same, ...more].map(({ quoted }) => quoted).join(' and ')
  throw new Refused(
    `the log ${logId} of this node is in the database more than once, in the schemas ${places}: have the search_path of user "${user}" lead to the right one`,
  )
}

function placeForNew({ target, text }: Path, user: string): string {
  if (/^\s*"?pg_temp"?\s*(,|$)/.test(text)) {
    throw new Unavailable(
      `the search_path of user "${user}" (${text}) begins with pg_temp, whose tables are gone with their connection: ALTER ROLE … SET search_path to a schema that stays`,
    )
  }
  if (target !== undefined) return target
  throw new Unavailable(
    `the search_path of user "${user}" (${text}) names no schema that is there and that this user may look into: ` +
      'make one (CREATE SCHEMA), GRANT USAGE on it, or ALTER ROLE … SET search_path to one that is',
  )
}
