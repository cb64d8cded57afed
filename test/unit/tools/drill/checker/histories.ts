import type { History, LogEntry, Operation } from '../../../../../tools/drill/history.ts'

type Extra = Partial<Operation>

/** Operations for histories made by hand: at key k and acknowledged unless said otherwise; times in milliseconds. */
export function put(client: number, value: string, invoked: number, returned: number, extra: Extra = {}): Operation {
  return { client, kind: 'put', key: 'k', value, invoked, returned, outcome: 'ok', status: 201, ...extra }
}

export function remove(client: number, invoked: number, returned: number, extra: Extra = {}): Operation {
  return { client, kind: 'delete', key: 'k', invoked, returned, outcome: 'ok', status: 200, ...extra }
}

/** @param value null where the key had none */
export function get(
  client: number,
  value: string | null,
  invoked: number,
  returned: number,
  extra: Extra = {},
): Operation {
  const status = value === null ? 404 : 200
  return { client, kind: 'get', key: 'k', value, invoked, returned, outcome: 'ok', status, ...extra }
}

export const unknown = { outcome: 'unknown', status: 0 } as const
export const failed = { outcome: 'failed', status: 503 } as const

/** A log of key k: values put, and null for deletes. */
export function logOf(...values: (string | null)[]): LogEntry[] {
  return values.map((value, index) => ({
    sequence: index + 1,
    kind: value === null ? 'delete' : 'put',
    key: 'k',
    value: value ?? undefined,
    superseded: false,
  }))
}

/** The views, unless given, are what the log makes of its keys. */
export function historyOf(operations: Operation[], log: LogEntry[], views?: History['views']): History {
  return { operations, log, views: views ?? [foldOf(log), foldOf(log)], faults: [] }
}

export function foldOf(log: readonly LogEntry[]): Record<string, string | null> {
  return Object.fromEntries(log.filter((entry) => !entry.superseded).map(({ key, value }) => [key, value ?? null]))
}
