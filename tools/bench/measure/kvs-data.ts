import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { clusterIn, makePostgres } from '../../lab/postgres.ts'
import { withClient } from '../../lab/postgres-client.ts'
import { startKvs } from '../servers/embedded-node.ts'

/** Uses the log of a node that is down. */
export async function onLog<T>(directory: string, use: (client: Client) => Promise<T>): Promise<T> {
  const embedded = postgresOf(directory)
  await embedded.ensureRunning()
  try {
    return await withClient(embedded.connection, use)
  } finally {
    await embedded.stop()
  }
}

/** Uses the log of a running node. */
export function besideNode<T>(directory: string, use: (client: Client) => Promise<T>): Promise<T> {
  return withClient(postgresOf(directory).connection, use)
}

function postgresOf(directory: string) {
  return makePostgres(clusterIn(join(directory, 'data')))
}

export interface Filling {
  readonly entries: number
  /** Number of keys; the entries put them in turns. */
  readonly keys: number
  readonly bytes: number
}

/**
 * A node's directory whose log has all these entries, as PUTs would have left them. Made by SQL, which takes a tenth of
 * the time; then tidied up, as autovacuum does sooner or later, so that it does not while something is measured.
 */
export async function makeFilledNode(
  directory: string,
  { entries, keys, bytes }: Filling,
  signal: AbortSignal,
): Promise<void> {
  await (await startKvs({ directory })).stop()
  await onLog(directory, async (client) => {
    await client.query('SET synchronous_commit = off; SET session_replication_role = replica')
    const each = 1_000_000
    for (let from = 1; from <= entries; from += each) {
      signal.throwIfAborted()
      await client.query(insertEntries, [from, Math.min(entries, from + each - 1), keys, bytes])
    }
    await client.query('VACUUM (ANALYZE, FREEZE) transactions')
    await client.query('CHECKPOINT')
  })
}

const digest = '\\x00112233aabbccdd'

const insertEntries = `
  INSERT INTO transactions (sequence, event_type, key, value, recorded_at, digest, write_number)
  SELECT number, 2, 'key-' || lpad(((number - 1) % $3)::text, 10, '0'),
         convert_to(rpad(number::text || '-', $4, md5(number::text) || md5((-number)::text)), 'UTF8'), now(), '${digest}', CASE WHEN number = $2 THEN 0 END
  FROM generate_series($1::bigint, $2::bigint) AS number`

/** Returns the start of a key's last value in such a log. */
export function lastValue(index: number, { entries, keys }: Filling): string {
  const number = index + 1 + keys * Math.floor((entries - index - 1) / keys)
  return `${number}-`
}

export interface CheckpointState {
  readonly sequence: number
  readonly head: number
}

/** Reads the checkpoint's state; undefined if this version of the service has no checkpoints. */
export async function readCheckpoint(client: Client): Promise<CheckpointState | undefined> {
  const { rows: tables } = await client.query<{ found: string | null }>(`SELECT to_regclass('checkpoint') AS found`)
  if (!tables[0]?.found) return undefined
  const { rows } = await client.query<{ sequence: string; head: string }>(
    'SELECT coalesce((SELECT max(sequence) FROM checkpoint), 0) AS sequence, (SELECT sequence FROM end_of_log) AS head',
  )
  return { sequence: Number(rows[0]?.sequence ?? 0), head: Number(rows[0]?.head ?? 0) }
}

/**
 * Has the node bring its checkpoint forward until it is near the head, or does not move for a while. Nine tenths of the
 * way are done by the node's own function in steps larger than the node's, which would take minutes.
 */
export async function untilCheckpointed(directory: string, signal: AbortSignal): Promise<CheckpointState | undefined> {
  const kvs = await startKvs({ directory })
  try {
    return await besideNode(directory, async (client) => {
      let state = await readCheckpoint(client)
      let moved = performance.now()
      while (state && state.sequence < state.head - 1_000 && performance.now() - moved < 30_000) {
        if (state.sequence <= 0.9 * state.head - 1_000_000) await advanceCheckpoint(client, 1_000_000)
        else await sleep(500, undefined, { signal })
        const next = await readCheckpoint(client)
        if (next && next.sequence !== state.sequence) moved = performance.now()
        state = next
      }
      return state
    })
  } finally {
    await kvs.stop()
  }
}

async function advanceCheckpoint(client: Client, most: number): Promise<void> {
  await client.query('SELECT advance_checkpoint($1)', [most])
}

/** Empties the checkpoint, so that the next start replays the whole log. */
export async function emptyCheckpoint(client: Client): Promise<void> {
  if ((await readCheckpoint(client)) === undefined) return
  await client.query('TRUNCATE checkpoint, checkpoint_entries')
}
