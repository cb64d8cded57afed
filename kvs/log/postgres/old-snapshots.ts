import type { Connection } from './connection.ts'

/** The oldest snapshot that keeps Postgres from clearing away old versions of rows, whoever holds it; zeros where nobody does. */
export interface OldestSnapshot {
  /** Since its transaction began. Of a standby or a replication slot that is not known: it counts in `transactions` alone. */
  readonly seconds: number
  /** How many transactions have begun since then, in all databases of the server. */
  readonly transactions: number
}

/**
 * Of this database: sessions but this one, standbys with hot_standby_feedback, replication slots and prepared
 * transactions. Sessions of other roles are seen only by a role that is a member of pg_read_all_stats, as pg_monitor is:
 * pg_stat_activity hides them from others. Vacuum's own snapshots hold nothing back.
 */
export async function readOldestSnapshot(connection: Connection): Promise<OldestSnapshot> {
  const { rows } = await connection.query<[number, number]>({
    text: `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - since)), 0)::double precision, coalesce(max(age(xmin)), 0)
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
