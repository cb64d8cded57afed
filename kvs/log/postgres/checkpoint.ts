import type { LogPoint } from '../../core/entry.ts'
import type { Connection } from './connection.ts'

/** The live keys as of a position in the log: what Postgres keeps in `checkpoint` and `checkpoint_entries`. */
export interface Checkpoint extends LogPoint {
  readonly keys: number
  /** What the hashes of its rows, XORed, must come to: 8 bytes. */
  readonly checksum: Buffer
}

/**
 * Before a checkpoint is read, in the transaction that reads it, which is to be short: with this, an emptying by another
 * node comes before or after. REPEATABLE READ, so that its row and its entries are of one moment. Compiling the query
 * would take 0.1 s.
 */
export const beginReadingCheckpoint = `
  BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE checkpoint_entries IN ACCESS SHARE MODE;
  SET LOCAL jit = off`

/**
 * sequence, key, value, content_type, digest and the hash of each live key, in no order. It is to be believed only if as many
 * came as the checkpoint has `keys`, none with a null for its value, and their hashes, XORed, are its `checksum`: what
 * was added, lost, changed or moved by other hands is noticed then. The hash costs 0.3 µs a row of 100 bytes, beside
 * 0.35 µs for the row itself (Postgres 18). What is too large to be kept twice is read from the log.
 */
export const checkpointEntries = `
  SELECT sequence, key,
         CASE WHEN value IS NOT NULL THEN value
              ELSE (SELECT value FROM transactions WHERE sequence = entry.sequence) END AS value,
         content_type, digest, checkpoint_hash(sequence, key, value, content_type, digest) AS hash
  FROM checkpoint_entries AS entry`

/** Undefined where there is none, or none that was made from this log's past. */
export async function readCheckpoint(connection: Connection): Promise<Checkpoint | undefined> {
  const { rows } = await connection.query<[string, Buffer, string, Buffer]>({
    text: `SELECT sequence, digest, keys, int8send(checksum # checkpoint_hash(checkpoint)) FROM checkpoint
      WHERE sequence > 0 AND checkpoint_is_of_log(checkpoint)`,
  })
  const [row] = rows
  return row && { sequence: BigInt(row[0]), digest: row[1], keys: Number(row[2]), checksum: row[3] }
}

/**
 * Has a checkpoint that was found broken made anew, from nothing. Not in the transaction that has read it, whose lock
 * would be in the way. One that was begun since then is left alone.
 */
export async function discardCheckpoint(connection: Connection, { sequence }: LogPoint): Promise<void> {
  await connection.query({ text: 'DELETE FROM checkpoint WHERE sequence >= $1', values: [sequence] })
}

export interface Lag {
  /** The log's last sequence. */
  readonly head: bigint
  /** The checkpoint's; 0 where there is none of this log. */
  readonly checkpoint: bigint
}

export async function readLag(connection: Connection): Promise<Lag> {
  const { rows } = await connection.query<[string, string]>({
    text: `SELECT head.sequence, coalesce(checkpoint.sequence, 0)
      FROM log_end AS head LEFT JOIN checkpoint ON checkpoint_is_of_log(checkpoint)`,
  })
  const [head = 0, checkpoint = 0] = rows[0] ?? []
  return { head: BigInt(head), checkpoint: BigInt(checkpoint) }
}

export interface Advance {
  /** 'begun' is 'advanced' from nothing; where it is 'busy', another node does it, and nothing else is told. */
  readonly outcome: 'advanced' | 'begun' | 'busy'
  readonly before: bigint
  readonly reached: bigint
  /** How far the log is ahead of what was reached. */
  readonly behind: bigint
}

/**
 * Folds the log's next entries, so many at the most, into the checkpoint; committed on return, and not waited for until it is
 * on disk: what a crash loses is done again. That holds for this transaction alone.
 */
export async function advanceCheckpoint(connection: Connection, most: number): Promise<Advance> {
  const { rows } = await connection.query<[Advance['outcome'], string | null, string | null, string | null]>({
    text: `SELECT outcome, before, reached, behind, set_config('synchronous_commit', 'off', true) FROM advance_checkpoint($1)`,
    values: [most],
  })
  const [outcome = 'busy', before, reached, behind] = rows[0] ?? []
  return { outcome, before: BigInt(before ?? 0), reached: BigInt(reached ?? 0), behind: BigInt(behind ?? 0) }
}
