import { type History, isOfTransfers, kindOfEntry, type LogEntry } from './history.ts'
import type { Stack } from './stack/stack.ts'
import { makeRequester } from './workload/request.ts'
import { readValue } from './workload/value.ts'

const pageSize = 2_000

interface Row {
  readonly sequence: string
  readonly event_type: number
  readonly key: string
  readonly value: Buffer | null
  readonly superseded: boolean
  readonly writer: number | null
  readonly deadline: number | null
  readonly recorded: number
}

/** SQL for a time in milliseconds since 1970. */
const millisecondsOf = (column: string) => `floor(extract(epoch FROM ${column}) * 1000)::double precision`

/** Reads the whole log by plain SQL, past the service. */
export async function readLog(stack: Pick<Stack, 'connect'>): Promise<LogEntry[]> {
  const client = await stack.connect()
  try {
    const page = `SELECT sequence, event_type, key, value, superseded, writer, ${millisecondsOf('deadline')} AS deadline,
        ${millisecondsOf('recorded_at')} AS recorded FROM transactions
      WHERE sequence > $1 ORDER BY sequence LIMIT ${pageSize}`
    const log: LogEntry[] = []
    for (;;) {
      const { rows } = await client.query<Row>(page, [log.at(-1)?.sequence ?? 0])
      for (const row of rows) {
        const kind = kindOfEntry(row.event_type)
        const { key, value: bytes, superseded, writer, deadline, recorded } = row
        const read = isOfTransfers(key) ? String : readValue
        const value = bytes === null ? undefined : read(bytes)
        log.push({
          ...{ sequence: Number(row.sequence), kind, key, value, superseded, recordedAt: recorded },
          ...{ ...(writer !== null && { writer }), ...(deadline !== null && { deadline }) },
        })
      }
      if (rows.length < pageSize) return log
    }
  } finally {
    await client.end()
  }
}

/** Reads each key from a node with `?consistent`. Bytes that no client has sent are shown as `torn bytes`. */
export async function readView(url: string, keys: readonly string[]): Promise<History['views'][number]> {
  const requester = makeRequester(url, 15_000)
  const view: Record<string, string | null> = {}
  try {
    for (const key of keys) {
      const { outcome, status, value = null } = await requester.get(key, { isConsistent: true })
      if (outcome === 'failed') throw new Error(`the node answers ${status || 'nothing'} for the key ${key}`)
      view[key] = outcome === 'torn' ? 'torn bytes' : value
    }
    return view
  } finally {
    requester.close()
  }
}
