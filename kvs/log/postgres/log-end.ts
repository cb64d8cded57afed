import type { LogPoint } from '../../core/entry.ts'
import { brokenLog, Diverged, type Head, type RingChangeEntry, Unavailable } from '../index.ts'
import type { Connection } from './connection.ts'
import { transactionPooling } from './postgres-errors.ts'

/** SQL for the server's clock, in seconds. Somebody may set that clock to anything at any time. */
export const serverSeconds = 'extract(epoch FROM clock_timestamp())::double precision'

const end = { name: 'end', text: `SELECT flaw, sequence, digest, ${serverSeconds}, pg_backend_pid() FROM end_of_log` }

type EndRow = [flaw: string | null, sequence: string, digest: Buffer, serverSeconds: number, processId: number]

/**
 * The last entry's position. Rejects with `Diverged` where the log is broken, and with `Unavailable` where another of
 * the server's processes answers than the one that serves this session.
 * @param noteServerTime receives the server's clock, in seconds
 */
export async function askHead(
  connection: Connection,
  timeoutMs: number,
  ownProcess: number,
  noteServerTime: (serverSeconds: number) => void,
): Promise<LogPoint> {
  const { rows } = await connection.query<EndRow>(end, timeoutMs)
  const [, sequence, digest, serverSeconds, processId] = requireWhole(rows[0])
  if (processId !== ownProcess) throw new Unavailable(transactionPooling)
  noteServerTime(serverSeconds)
  return { sequence: BigInt(sequence), digest }
}

/** Rejects with `Diverged` where the log is broken. */
export async function readHead(connection: Connection): Promise<Head> {
  const { rows } = await connection.query<HeadRow>({
    text: `SELECT flaw, log.log_id, log.sequence, log.adopted_through, log.adopted_entries, ring_sequence, key
      FROM end_of_log AS log, log_head
      LEFT JOIN transactions AS ring ON ring.sequence = ring_sequence AND event_type = 5`,
  })
  const row = requireWhole(rows[0])
  const [sequence, adoptedThrough, adoptedEntries] = [BigInt(row[2]), BigInt(row[3]), BigInt(row[4])]
  const entries = sequence - adoptedThrough + adoptedEntries
  return { logId: row[1], sequence, adoptedThrough, entries, ring: ringOf(row[5], row[6]) }
}

type HeadRow = [
  flaw: string | null,
  logId: string,
  sequence: string,
  adoptedThrough: string,
  adoptedEntries: string,
  ringSequence: string,
  ringText: string | null,
]

function ringOf(sequence: string, text: string | null): RingChangeEntry | undefined {
  if (sequence === '0') return undefined
  if (text === null) throw new Diverged(brokenLog(`it lacks the entry ${sequence}, its newest on the ring`))
  return { sequence: BigInt(sequence), text }
}

function requireWhole<Row extends [flaw: string | null, ...unknown[]]>(row: Row | undefined): Row {
  if (!row) throw new Diverged(brokenLog('its row in log_head is gone'))
  if (row[0] !== null) throw new Diverged(brokenLog(row[0]))
  return row
}

/** Whether the log has an entry at this position with this digest. */
export async function holds(connection: Connection, { sequence, digest }: LogPoint): Promise<boolean> {
  if (sequence === 0n) return true
  const { rows } = await connection.query<[Buffer]>({
    text: 'SELECT digest FROM transactions WHERE sequence = $1',
    values: [sequence],
  })
  return rows[0]?.[0].equals(digest) ?? false
}
