import { Refused, Unavailable } from '../index.ts'
import type { Connection } from './connection.ts'
import { dailyRights } from './rights.ts'

type Row = [
  schema: string | null,
  name: string | null,
  kind: string,
  owner: string,
  isOwn: boolean,
  canCreate: boolean | null,
]

/**
 * Checks that nothing foreign in the session's schema has the name of what a migration makes, and that the role may
 * make and change it. Reads catalogues only.
 * @param isFirst there is no log yet, so only a textbook service's table may have one of the names
 * @throws Refused where a foreign object has such a name, Unavailable where a right is missing
 */
export async function refuseObstacles(connection: Connection, user: string, isFirst: boolean): Promise<void> {
  const { rows } = await connection.query<Row>({
    text: `
      SELECT quote_ident(current_schema()), relname, relkind, quote_ident(pg_get_userbyid(relowner)),
             pg_has_role(relowner, 'USAGE'), has_schema_privilege(current_schema(), 'CREATE')
      FROM (VALUES (1)) AS always
      LEFT JOIN pg_class ON relnamespace = quote_ident(current_schema())::regnamespace AND relname = ANY ($1)
      ORDER BY relname`,
    values: [Object.keys(dailyRights)],
  })
  const schema = rows[0]?.[0] ?? ''
  const there = rows.filter(([, name]) => name !== null)
  const foreign = there.filter(
    ([, name, kind]) => kind !== (name === 'end_of_log' ? 'v' : 'r') || (isFirst && name !== 'transactions'),
  )
  if (foreign.length > 0) {
    const what = foreign.map(([, name, kind]) => `${kinds[kind] ?? 'something'} "${name}"`).join(', ')
    throw new Refused(
      `the schema ${schema} has ${what}, where this service would make a table: rename what is there, or use another ` +
        'database or schema (options=-csearch_path%3DNAME in DATABASE_URL)',
    )
  }
  if (!rows[0]?.[5]) {
    throw new Unavailable(
      `user "${user}" lacks the right to CREATE in the schema ${schema}, where tables are to be made: ` +
        `GRANT CREATE ON SCHEMA ${schema} TO …, or start once as a user who has it (docs/postgres.md)`,
    )
  }
  const others = there.flatMap(([, name, , owner, isOwn]) => (isOwn ? [] : [`"${name}" (of ${owner})`]))
  if (others.length === 0) return
  throw new Unavailable(
    `user "${user}" is not the owner of ${others.join(', ')}, which a migration is to change: start once as that ` +
      `owner, or GRANT that role to "${user}"`,
  )
}

/** pg_class.relkind */
const kinds: Record<string, string> = {
  r: 'a table',
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  p: 'a partitioned table',
  S: 'a sequence',
  i: 'an index',
  c: 'a type',
}
