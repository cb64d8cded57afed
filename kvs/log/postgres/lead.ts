import type { Connection } from './connection.ts'

/** What one node of a log at a time does for all of them. The numbers spell "kvss" and "kvsm". */
const locks = { import: 0x6b767373, move: 0x6b76736d }

/**
 * Takes the lead of all nodes of a log, for as long as the connection lasts. The log's id tells the logs of one
 * database apart, since its schemas share their locks.
 * @returns false where another connection has it
 */
export async function takeLead(connection: Connection, logId: string, of: keyof typeof locks): Promise<boolean> {
  // A node that vanished without a word would keep the lead until the server misses it, for hours as it is by default.
  const settings = { tcp_keepalives_idle: '10', tcp_keepalives_interval: '5', tcp_keepalives_count: '3' }
  await connection.query({
    text: 'SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS wanted (name, value)',
    values: [Object.keys(settings), Object.values(settings)],
  })
  const { rows } = await connection.query<[boolean]>({
    text: 'SELECT pg_try_advisory_lock($1, hashtext($2))',
    values: [locks[of], logId],
  })
  return rows[0]?.[0] === true
}
