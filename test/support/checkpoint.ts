import { randomBytes } from 'node:crypto'
import type { Write } from '../../kvs/core/entry.ts'
import { beginReadingCheckpoint, checkpointEntries } from '../../kvs/log/postgres/checkpoint-statements.ts'
import { byForce, type Database } from './database.ts'

export interface Logged {
  readonly write: Write
  readonly superseded: boolean
}

/** Puts entries at the log's end as an append does, in one batch. */
export async function appendTo(database: Database, entries: readonly Logged[]): Promise<void> {
  const values = entries.map(({ write }) => (write.kind === 'put' ? write.value : null))
  const types = entries.map(({ write }) => (write.kind === 'put' ? (write.contentType ?? null) : null))
  await database.sql("BEGIN; SET LOCAL kvs.changes = 'on'")
  await database.sql(
    `INSERT INTO transactions
     SELECT sequence + place, type, key, value, content_type, now(), $2, superseded, NULL, CASE WHEN place = $1 THEN 0 END,
            to_timestamp(milliseconds / 1000)
     FROM end_of_log, unnest($3::smallint[], $4::text[], $5::bytea[], $6::text[], $7::boolean[], $8::double precision[])
       WITH ORDINALITY AS entry (type, key, value, content_type, superseded, milliseconds, place)`,
    [
      entries.length,
      randomBytes(8),
      entries.map(({ write }) => (write.kind === 'put' ? 2 : 1)),
      entries.map(({ write }) => write.key),
      values,
      types,
      entries.map(({ superseded }) => superseded),
      entries.map(({ write }) => write.deadline ?? null),
    ],
  )
  await database.sql('COMMIT')
}

/** What the entries of `generate_series` up to a number make of some keys, each a batch: a long log, made fast. */
export async function fillLog(database: Database, entries: number, keys: number): Promise<void> {
  await database.sql(
    byForce(`INSERT INTO transactions
     SELECT sequence + i, 2, 'key ' || i % ${keys}, convert_to('value ' || i, 'UTF8'), NULL, now(), int8send(sequence + i), false,
            NULL, 0
     FROM end_of_log, generate_series(1, ${entries}::bigint) AS i`),
  )
}

export interface LoadedEntry {
  readonly sequence: string
  readonly key: string
  readonly value: Buffer | null
  readonly content_type: string | null
  readonly digest: Buffer
  readonly recorded_at: Date
  readonly deadline: Date | null
  readonly hash: string
  readonly lives: boolean
}

/** As a node's start does it: sums up for itself, and believes the checkpoint only if that comes to the same. */
export async function loadCheckpoint(database: Database) {
  await database.sql(beginReadingCheckpoint)
  const [row] = await database.sql<{ sequence: string; keys: string; rows: string; is_of_log: boolean }>(
    `SELECT sequence, keys, checksum # checkpoint_hash(checkpoint) AS rows, checkpoint_is_of_log(checkpoint) AS is_of_log
     FROM checkpoint`,
  )
  const entries = await database.sql<LoadedEntry>(checkpointEntries)
  await database.sql('COMMIT')
  const sum = entries.reduce((sum, { hash }) => sum ^ BigInt(hash), 0n)
  const isWhole =
    row?.is_of_log === true &&
    BigInt(row.keys) === BigInt(entries.length) &&
    BigInt(row.rows) === sum &&
    entries.every(({ lives, value }) => !lives || value !== null)
  return { sequence: BigInt(row?.sequence ?? 0), isWhole, entries }
}

/**
 * The live keys as of a sequence, folded from the log alone, one entry after the other; in the order of their
 * sequences.
 */
export async function foldLog(database: Database, upTo: bigint) {
  const rows = await database.sql<Omit<LoadedEntry, 'hash' | 'lives'> & { event_type: number; superseded: boolean }>(
    'SELECT * FROM transactions WHERE sequence <= $1 ORDER BY sequence',
    [upTo],
  )
  const live = new Map<string, Omit<LoadedEntry, 'hash' | 'lives'>>()
  for (const { event_type, superseded, ...entry } of rows) {
    if (superseded) continue
    if (event_type === 1) live.delete(entry.key)
    else live.set(entry.key, entry)
  }
  return inOrder([...live.values()])
}

/** Without their hashes, in the order of their sequences. */
export function inOrder(entries: readonly Omit<LoadedEntry, 'hash' | 'lives'>[]) {
  return entries
    .map(({ sequence, key, value, content_type, digest, recorded_at, deadline }) => {
      return { sequence, key, value, content_type, digest, recorded_at, deadline }
    })
    .sort((a, b) => Number(BigInt(a.sequence) - BigInt(b.sequence)))
}
