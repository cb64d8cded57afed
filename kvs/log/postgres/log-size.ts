import type { Connection } from './connection.ts'

/** What the log's tables take on Postgres's disk, with their indexes, in bytes. Reads no rows. */
export async function readSize(connection: Connection): Promise<number> {
  const { rows } = await connection.query<[string]>({
    text: `SELECT sum(pg_total_relation_size(name::regclass))
      FROM unnest(ARRAY['transactions', 'log_head', 'writers', 'answers', 'checkpoint', 'checkpoint_entries']) AS name`,
  })
  return Number(rows[0]?.[0])
}
