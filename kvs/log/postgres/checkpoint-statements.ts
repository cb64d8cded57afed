import type { LogPoint, Reached } from '../../core/entry.ts'
import type { Advance, Lag } from '../index.ts'
import type { Connection } from './connection.ts'

/**
 * The live keys as of a position in the log, and the deleted ones in a site's, as Postgres keeps them in `checkpoint`
 * and `checkpoint_entries`.
 */
export interface Checkpoint extends Reached {
  readonly keys: number
  /** The XOR of the hashes of its rows, 8 bytes. */
  readonly checksum: Buffer
}

/**
 * Begins the transaction that reads a checkpoint, which has to be short. The lock makes another node's TRUNCATE come
 * before or after it. REPEATABLE READ shows the checkpoint's row and its entries as of one moment. Compiling the query
 * would take 0.1 s.
 */
export const beginReadingCheckpoint = `
  BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE checkpoint_entries IN ACCESS SHARE MODE;
  SET LOCAL jit = off`

/**
 * What the checkpoint has of each key, and its hash, in no order. A deleted key does not live, and has no value. A
 * value that is too large to be kept twice comes from `transactions`. The result is valid only if it has as many rows
 * as the checkpoint has `keys`, none that lives with a null for its value, and their hashes XORed are its `checksum`:
 * so nothing that was added, lost, changed or moved by hand passes. The hash costs 0.3 µs a row of 100 bytes, beside
 * 0.35 µs for the row itself (Postgres 18).
 */
export const checkpointEntries = `
  SELECT sequence, lives, key,
         CASE WHEN value IS NOT NULL OR NOT lives THEN value
              ELSE (SELECT value FROM transactions WHERE sequence = entry.sequence) END AS value,
         content_type, digest, recorded_at, deadline, stamp, origin, dependency, earlier_version,
         checkpoint_hash(sequence, lives, key, value, content_type, digest, recorded_at, deadline, stamp, origin, dependency,
                         earlier_version) AS hash
  FROM checkpoint_entries AS entry`

/** Undefined where there is no checkpoint, or none that was made from this log's history. */
export async function readCheckpoint(connection: Connection, needsTombstones = false): Promise<Checkpoint | undefined> {
  const { rows } = await connection.query<[string, Buffer, string, Buffer, string, string, string, string, string]>({
    text: `SELECT sequence, digest, keys, int8send(checksum # checkpoint_hash(checkpoint)),
        log_id, own_sequence, stamp, vector::text, forgotten_stamp
      FROM checkpoint WHERE sequence > 0 AND checkpoint_is_of_log(checkpoint) AND
        (NOT $1 OR (has_tombstones AND forgotten_stamp <= (SELECT forgotten_stamp FROM log_head)))`,
    values: [needsTombstones],
  })
  const [row] = rows
  if (row === undefined) return undefined
  const [sequence, digest, keys, checksum, logId, ownSequence, stamp, vector, forgotten] = row
  const others = Object.entries(JSON.parse(vector)).map(
    ([origin, reached]) => [origin, BigInt(String(reached))] as const,
  )
  const position = { sequences: new Map([[logId, BigInt(ownSequence)], ...others]), stamp: Number(stamp) }
  return { sequence: BigInt(sequence), digest, keys: Number(keys), checksum, position, forgotten: Number(forgotten) }
}

/**
 * Drops a checkpoint that was found broken, so that the next step begins a new one. Must not run in the transaction
 * that read it, whose lock would be in the way. Leaves alone a checkpoint that was begun since then.
 */
export async function discardCheckpoint(connection: Connection, { sequence }: LogPoint): Promise<void> {
  await connection.query({ text: 'DELETE FROM checkpoint WHERE sequence >= $1', values: [sequence] })
}

export async function readLag(connection: Connection): Promise<Lag> {
  const { rows } = await connection.query<[string, string]>({
    text: `SELECT head.sequence, coalesce(checkpoint.sequence, 0)
      FROM end_of_log AS head LEFT JOIN checkpoint ON checkpoint_is_of_log(checkpoint)`,
  })
  const [head = 0, checkpoint = 0] = rows[0] ?? []
  return { head: BigInt(head), checkpoint: BigInt(checkpoint) }
}

export interface Step extends Advance {
  /**
   * `begun`: advanced from nothing. `busy`: another node does a step, nothing was done, and the numbers mean nothing.
   */
  readonly outcome: 'advanced' | 'begun' | 'busy'
}

/**
 * Folds the log's next entries, at most `most`, into the checkpoint. Committed on return, but the commit does not wait
 * for the disk, in this transaction alone: a step that a crash loses is done again.
 * @param tombstones whether deleted keys are kept, in the order of all sites
 */
export async function advanceCheckpoint(connection: Connection, most: number, tombstones = false): Promise<Step> {
  const { rows } = await connection.query<[Step['outcome'], string | null, string | null, string | null]>({
    text: `SELECT outcome, before, reached, behind, set_config('synchronous_commit', 'off', true)
      FROM advance_checkpoint($1, $2)`,
    values: [most, tombstones],
  })
  const [outcome = 'busy', before, reached, behind] = rows[0] ?? []
  return { outcome, before: BigInt(before ?? 0), reached: BigInt(reached ?? 0), behind: BigInt(behind ?? 0) }
}
