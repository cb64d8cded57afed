import type { Entry, LogPoint } from '../../core/entry.ts'
import { decodeWrite, kindOfCode, type Write } from '../../core/operation/operation.ts'
import { Diverged, type Head, Unavailable } from '../index.ts'
import { isAnswer, swapsSessions } from './answers.ts'
import { brokenLog } from './broken-log.ts'
import type { Connection } from './connection.ts'
import { serverClock } from './server-clock.ts'

const page = { entries: 5_000, bytes: 8 * 1024 * 1024, leastBytes: 64 * 1024 }

/**
 * A page is cut where its values grow past the bound, but never before its first entry. The sizes come from the rows'
 * headers: values that are left out are not read.
 */
const readPage = {
  name: 'read',
  text: `
    SELECT sequence, event_type, key, value, content_type, digest, superseded, coalesce(writer = $2, false)
    FROM (
      SELECT *, sum(size) OVER (ORDER BY sequence) - size AS bytes_before
      FROM (
        SELECT *, coalesce(octet_length(value), 0) AS size
        FROM transactions WHERE sequence > $1 AND sequence <= $4 ORDER BY sequence LIMIT ${page.entries}
      ) AS next
    ) AS sized
    WHERE bytes_before < $3
    ORDER BY sequence`,
}

type Row = [
  sequence: string,
  eventType: number,
  key: string,
  value: Buffer | null,
  contentType: string | null,
  digest: Buffer,
  superseded: boolean,
  isOwn: boolean,
]

/** @param own the number of the writer whose entries count as this node's own */
export type ReadPage = (connection: Connection, after: bigint, through: bigint, own: number) => Promise<Entry[]>

/** Pages get smaller as long as connections fail to carry them in time, so that a narrow network gets there in the end. */
export function makeReader(): ReadPage {
  let { bytes } = page
  return async (connection, after, through, own) => {
    try {
      const { rows } = await connection.query<Row>({ ...readPage, values: [after, own, bytes, through] })
      bytes = Math.min(page.bytes, Math.ceil(1.1 * bytes))
      return rows.map(toEntry)
    } catch (error) {
      if (!isAnswer(error)) bytes = Math.max(page.leastBytes, Math.floor(bytes / 2))
      throw error
    }
  }
}

function toEntry([sequence, eventType, key, value, contentType, digest, superseded, isOwn]: Row): Entry {
  const write = toWrite(sequence, eventType, key, value, contentType)
  return { sequence: BigInt(sequence), digest, superseded, isOwn, write }
}

/** An entry of an unknown kind stops the node: skipping it would make a view that no log has. */
function toWrite(sequence: string, eventType: number, key: string, value: Buffer | null, type: string | null): Write {
  const kind = kindOfCode(eventType, value !== null)
  const write = decodeWrite(kind, key, value ?? undefined, type ?? undefined)
  if (write === undefined) throw new UnknownEntry(sequence, eventType)
  return write
}

export class UnknownEntry extends Diverged {
  constructor(sequence: string | number, eventType: number) {
    super(`entry ${sequence} of the log has the unknown event_type ${eventType}`)
  }
}

const end = { name: 'end', text: `SELECT flaw, sequence, digest, ${serverClock}, pg_backend_pid() FROM log_end` }

type EndRow = [flaw: string | null, sequence: string, digest: Buffer, serverSeconds: number, processId: number]

/**
 * Rejects with `Unavailable` where another process of the server answers than the one that serves this session.
 * @param noteClock given the server's clock
 */
export async function askHead(
  connection: Connection,
  timeoutMs: number,
  ownProcess: number,
  noteClock: (serverSeconds: number) => void,
): Promise<LogPoint> {
  const { rows } = await connection.query<EndRow>(end, timeoutMs)
  const [, sequence, digest, serverSeconds, processId] = requireWhole(rows[0])
  if (processId !== ownProcess) throw new Unavailable(swapsSessions)
  noteClock(serverSeconds)
  return { sequence: BigInt(sequence), digest }
}

export async function readHead(connection: Connection): Promise<Head> {
  const { rows } = await connection.query<[string | null, string, string, string, string]>({
    text: 'SELECT flaw, log_id, sequence, adopted_through, adopted_entries FROM log_end',
  })
  const row = requireWhole(rows[0])
  const [sequence, adoptedThrough, adoptedEntries] = [BigInt(row[2]), BigInt(row[3]), BigInt(row[4])]
  return { logId: row[1], sequence, adoptedThrough, entries: sequence - adoptedThrough + adoptedEntries }
}

function requireWhole<Row extends [flaw: string | null, ...unknown[]]>(row: Row | undefined): Row {
  if (!row) throw new Diverged(brokenLog('its row in log_head is gone'))
  if (row[0] !== null) throw new Diverged(brokenLog(row[0]))
  return row
}

/** Whether the entry at a position is the one that was applied there. */
export async function holds(connection: Connection, { sequence, digest }: LogPoint): Promise<boolean> {
  if (sequence === 0n) return true
  const { rows } = await connection.query<[Buffer]>({
    text: 'SELECT digest FROM transactions WHERE sequence = $1',
    values: [sequence],
  })
  return rows[0]?.[0].equals(digest) ?? false
}
