import type { Client } from 'pg'
import { parsePosition } from '../../../kvs/core/position.ts'
import type { LoggedEntry } from '../../sites-checker/facts.ts'

/** A site's log, read past the service. */
export interface ReadLog {
  readonly logId: string
  readonly entries: readonly LoggedEntry[]
}

/** How long a log is, and how many of its entries were first written in it. */
export interface LogLength {
  readonly entries: number
  readonly own: number
}

interface Row {
  readonly sequence: string
  readonly event_type: number
  readonly key: string
  readonly value: Buffer | null
  readonly deadline: number | null
  readonly digest: Buffer
  readonly stamp: string
  readonly origin: string | null
  readonly origin_sequence: string | null
  readonly dependency: string | null
  readonly superseded: boolean
}

const pageSize = 2_000

const page = `
  SELECT sequence, event_type, key, value, floor(extract(epoch FROM deadline) * 1000)::double precision AS deadline,
    digest, stamp_of(stamp, recorded_at) AS stamp, origin, origin_sequence, dependency, superseded
  FROM transactions WHERE sequence > $1 ORDER BY sequence LIMIT ${pageSize}`

/** Reads a whole log by plain SQL. */
export async function readSiteLog(client: Client): Promise<ReadLog> {
  const head = await client.query<{ log_id: string }>('SELECT log_id FROM log_head')
  const entries: LoggedEntry[] = []
  for (;;) {
    const { rows } = await client.query<Row>(page, [String(entries.at(-1)?.sequence ?? 0n)])
    for (const row of rows) entries.push(toEntry(row))
    if (rows.length < pageSize) return { logId: head.rows[0]?.log_id ?? '', entries }
  }
}

function toEntry(row: Row): LoggedEntry {
  const { key, value, deadline, digest, superseded, origin, dependency } = row
  return {
    ...{ sequence: BigInt(row.sequence), eventType: row.event_type, key, digest, superseded },
    value: value ?? undefined,
    deadline: deadline ?? undefined,
    stamp: Number(row.stamp),
    origin: origin === null ? undefined : { logId: origin, sequence: BigInt(row.origin_sequence ?? 0) },
    after: dependency === null ? undefined : parsePosition(dependency),
  }
}

export function lengthOf({ entries }: ReadLog): LogLength {
  return { entries: entries.length, own: entries.filter(({ origin }) => origin === undefined).length }
}

/** Whether each log has as many entries as all sites have written. */
export function haveAll(lengths: readonly LogLength[]): boolean {
  const all = lengths.reduce((sum, { own }) => sum + own, 0)
  return lengths.every(({ entries }) => entries === all)
}

export async function readLength(client: Client): Promise<LogLength> {
  const { rows } = await client.query<{ entries: string; own: string }>(
    'SELECT count(*) AS entries, count(*) FILTER (WHERE origin IS NULL) AS own FROM transactions',
  )
  return { entries: Number(rows[0]?.entries ?? 0), own: Number(rows[0]?.own ?? 0) }
}
