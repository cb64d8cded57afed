import type { Connection } from './connection.ts'

/** The oldest snapshot that keeps Postgres from removing old versions of rows; zeros where nobody holds one. */
export interface OldestSnapshot {
  /** Age of the oldest transaction that holds one. Standbys and replication slots have no known age. */
  readonly seconds: number
  /**
   * How many transactions began since the oldest snapshot, in all databases of the server. Standbys and slots count.
   */
  readonly transactions: number
}

/**
 * Reads it from sessions other than this one, standbys with hot_standby_feedback, replication slots and prepared
 * transactions. pg_stat_activity shows sessions of other roles only to members of pg_read_all_stats, such as
 * pg_monitor. A vacuum's own snapshots do not count, since they hold nothing back.
 */
export async function readOldestSnapshot(connection: Connection): Promise<OldestSnapshot> {
  const { rows } = await connection.query<[number, number]>({
    text: `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - since)), 0)::double precision,
        coalesce(max(age(xmin)), 0)
      FROM (
        SELECT xact_start AS since, coalesce(backend_xmin, backend_xid) AS xmin FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)
          AND backend_type <> 'autovacuum worker'
        UNION ALL SELECT prepared, transaction FROM pg_prepared_xacts WHERE database = current_database()
        UNION ALL SELECT NULL, xmin FROM pg_replication_slots
      ) AS held
      WHERE xmin IS NOT NULL`,
  })
  const [seconds = 0, transactions = 0] = rows[0] ?? []
  return { seconds, transactions }
}
