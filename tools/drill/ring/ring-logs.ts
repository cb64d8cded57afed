import type { Client } from 'pg'
import { earlierIn } from '../../../kvs/core/earlier-version.ts'
import { kindOfCode } from '../../../kvs/core/operation/operation.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { versionAt } from '../../../kvs/core/version.ts'
import { readValue } from '../workload/value.ts'
import type { RingMemberNode } from './member-names.ts'
import { isCounter, type RingLog, type RingLogEntry } from './ring-history.ts'

interface Row {
  readonly sequence: string
  readonly event_type: number
  readonly key: string
  readonly value: Buffer | null
  readonly digest: Buffer
  readonly earlier_version: string | null
  readonly superseded: boolean
  readonly deadline: number | null
  readonly recorded: number
}

const pageSize = 5_000

/** SQL for a time in milliseconds since 1970. */
const millisecondsOf = (column: string) => `floor(extract(epoch FROM ${column}) * 1000)::double precision`

const page = `
  SELECT sequence, event_type, key, value, digest, earlier_version, superseded,
    ${millisecondsOf('deadline')} AS deadline, ${millisecondsOf('recorded_at')} AS recorded
  FROM transactions WHERE sequence > $1 ORDER BY sequence LIMIT ${pageSize}`

/** Reads a member's whole log by plain SQL, past the service. */
export async function readRingLog(client: Client, { name, address }: RingMemberNode): Promise<RingLog> {
  const head = await client.query<{ log_id: string }>('SELECT log_id FROM log_head')
  const logId = head.rows[0]?.log_id ?? ''
  const entries: RingLogEntry[] = []
  for (;;) {
    const { rows } = await client.query<Row>(page, [entries.at(-1)?.sequence ?? 0])
    for (const row of rows) entries.push(toEntry(logId, row))
    if (rows.length < pageSize) return { member: name, address, logId, entries }
  }
}

/** @throws where the row is of a kind that no drill makes, or can't be read */
function toEntry(logId: string, row: Row): RingLogEntry {
  const { key, value, digest, superseded, deadline, earlier_version: moved } = row
  const kind = kindOfCode(row.event_type, value !== null)
  const ring = kind === 'ring' ? ringEntryIn(key) : undefined
  const earlier = moved === null ? undefined : earlierIn(moved)
  const isKnown = kind === 'put' || kind === 'delete' || ring !== undefined
  if (!isKnown || (moved !== null && earlier === undefined)) {
    throw new Error(`the log ${logId} has an entry ${row.sequence} that no drill makes: ${row.event_type} ${key}`)
  }
  const read = isCounter(key) ? String : readValue
  return {
    ...{ sequence: Number(row.sequence), kind: kind as RingLogEntry['kind'], key, earlier, superseded, ring },
    value: value === null ? undefined : read(value),
    tag: versionAt(logId, { sequence: BigInt(row.sequence), digest }).tag,
    deadline: deadline ?? undefined,
    recordedAt: row.recorded,
  }
}
