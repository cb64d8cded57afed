import type { Clock } from '../../lib/clock.ts'
import type { Connection } from './connection.ts'
import { type OldestSnapshot, readOldestSnapshot } from './oldest-snapshot.ts'

/** What the log's tables and their indexes take on Postgres's disk, in bytes. Reads no rows. */
async function readSize(connection: Connection): Promise<number> {
  const { rows } = await connection.query<[string]>({
    text: `SELECT sum(pg_total_relation_size(name::regclass))
      FROM unnest(ARRAY['transactions', 'log_head', 'writers', 'answers', 'checkpoint', 'checkpoint_entries']) AS name`,
  })
  return Number(rows[0]?.[0])
}

/** Reads now and then what the log takes in Postgres, for the metrics. */
export interface SizeMonitor {
  /** The log's size in bytes, as last read; undefined without a connection. */
  readonly logSize: number | undefined
  /** As of the same time. */
  readonly oldestSnapshot: OldestSnapshot | undefined
  /**
   * Reads both where that is due: after `everyMs`, unless the node has stayed where it was at the last time, so that an
   * idle node leaves Postgres alone. A snapshot that was held then is followed to its end, all the same.
   * @param position how far this node has applied the log; undefined where that is unknown
   */
  poll(connection: Connection, position: string | undefined): Promise<void>
  /** The log was changed by this node's checkpointer: its position does not tell. */
  noteChange(): void
  /** Makes the next `poll` read, whatever the time and position. */
  begin(): void
  /** Forgets what was read, when the connection is gone. */
  end(): void
}

export function makeSizeMonitor(everyMs: number, clock: Clock): SizeMonitor {
  let logSize: number | undefined
  let oldestSnapshot: OldestSnapshot | undefined
  let dueAt = 0
  /** Where this node was at the last reading. */
  let readAt: string | undefined

  return {
    get logSize() {
      return logSize
    },
    get oldestSnapshot() {
      return oldestSnapshot
    },
    async poll(connection, position) {
      const isHeld = oldestSnapshot !== undefined && oldestSnapshot.seconds * 1_000 > everyMs
      const rests = position !== undefined && position === readAt && !isHeld
      if (clock.now() < dueAt || rests) return
      logSize = await readSize(connection)
      oldestSnapshot = await readOldestSnapshot(connection)
      readAt = position
      dueAt = clock.now() + everyMs
    },
    noteChange() {
      readAt = undefined
    },
    begin() {
      dueAt = Number.NEGATIVE_INFINITY
      readAt = undefined
    },
    end() {
      logSize = undefined
      oldestSnapshot = undefined
    },
  }
}
