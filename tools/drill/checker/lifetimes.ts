import type { History, LogEntry, Operation } from '../history.ts'

/**
 * What keys' deadlines allow. A node judges them by the clock of the log's server, as it estimates that: never ahead of
 * it. Where the history does not say how that clock went, a key with a deadline may be shown or absent at any time.
 */
export interface Lifetimes {
  /** Whether what an entry has set may be absent by its deadline, for an answer at a time of the clients' clock. */
  mayHaveLapsed(entry: LogEntry | undefined, time: number): boolean
  /** Whether a node may take the deadline that an expiry records for past, for an answer at that time. */
  isPast(expiry: LogEntry, time: number): boolean
  /** Whether what an entry has set must be absent, for a node that knows the server's clock as of that time. */
  hasLapsed(entry: LogEntry | undefined, time: number): boolean
}

export function makeLifetimes(serverClock: History['serverClock']): Lifetimes {
  const set = serverClock?.toSorted((one, other) => one.from - other.from)

  /** Milliseconds since 1970; at the time at which the clock was set, both of its readings count. */
  function readings(time: number): { first: number; last: number } | undefined {
    if (set === undefined) return undefined
    const before = set.findLast(({ from }) => from < time) ?? set[0]
    const after = set.findLast(({ from }) => from <= time) ?? set[0]
    return { first: Math.floor(time + (before?.ahead ?? 0)), last: time + (after?.ahead ?? 0) }
  }

  const isPast = ({ deadline }: LogEntry, time: number) =>
    deadline !== undefined && deadline <= (readings(time)?.last ?? Number.POSITIVE_INFINITY)

  return {
    mayHaveLapsed: (entry, time) => entry?.kind === 'put' && isPast(entry, time),
    isPast,
    hasLapsed(entry, time) {
      if (entry?.kind !== 'put' || entry.deadline === undefined) return false
      return entry.deadline <= (readings(time)?.first ?? Number.NEGATIVE_INFINITY)
    },
  }
}

/** Whether the entry records that its key has ended by itself. No client has asked for it. */
export function isExpiry({ kind, deadline }: LogEntry): boolean {
  return kind === 'delete' && deadline !== undefined
}

/**
 * The effective entries of a key with one in addition for each lapse that the log has no expiry of, right after the
 * entry that has lapsed: as if the expiry had been recorded at once.
 */
export function withLapses(entries: readonly LogEntry[]): LogEntry[] {
  return entries.flatMap((entry, index) => {
    const next = entries[index + 1]
    if (entry.kind !== 'put' || entry.deadline === undefined || (next !== undefined && isExpiry(next))) return [entry]
    return [entry, { ...entry, kind: 'delete' as const, value: undefined }]
  })
}

/**
 * The operations with a delete of unknown outcome for each put whose key ends by itself: it may take effect at any time
 * after the put, or never.
 */
export function withLapsesAsDeletes<Asked extends Operation>(operations: readonly Asked[]): (Asked | Operation)[] {
  return operations.flatMap((operation) => {
    const { client, key, kind, invoked, returned, outcome, ttl } = operation
    if (kind !== 'put' || ttl === undefined || outcome === 'failed') return [operation]
    return [
      operation,
      { client, key, kind: 'delete' as const, invoked, returned, outcome: 'unknown' as const, status: 0 },
    ]
  })
}

/**
 * Checks what the log says of deadlines: that each put has the one that its client asked for, and none other; that an
 * expiry comes after its deadline, has an effect, and takes away what has that very deadline and nothing newer.
 *
 * @returns a sentence for each contradiction
 */
export function checkExpiries({ operations, log }: Pick<History, 'operations' | 'log'>): string[] {
  const puts = new Map(operations.flatMap((put) => (put.kind === 'put' && put.value ? [[put.value, put]] : [])))
  const current = new Map<string, LogEntry>()
  const violations: string[] = []
  for (const entry of log) {
    const { sequence, kind, key, value, superseded } = entry
    const report = (sentence: string) => violations.push(`key ${key}: entry ${sequence} ${sentence}`)
    if (kind === 'put') checkDeadline(entry, puts.get(value ?? ''), report)
    else if (isExpiry(entry)) checkExpiry(entry, current.get(key), report)
    if (!superseded) current.set(key, entry)
  }
  return violations
}

type Report = (sentence: string) => void

function checkDeadline({ deadline, recordedAt }: LogEntry, put: Operation | undefined, report: Report): void {
  if (put === undefined) return
  if (put.ttl === undefined && deadline !== undefined) report('has a deadline that its client has not asked for')
  if (put.ttl !== undefined && deadline === undefined) report('lacks the deadline that its client has asked for')
  if (put.ttl === undefined || deadline === undefined || recordedAt === undefined) return
  if (deadline > recordedAt + put.ttl) report(`has a deadline later than ${put.ttl} ms after it was recorded`)
}

function checkExpiry({ deadline = 0, recordedAt, superseded }: LogEntry, before: LogEntry | undefined, report: Report) {
  if (superseded) report('is an expiry, and superseded')
  if (recordedAt !== undefined && recordedAt < deadline) report('is an expiry, and recorded before its deadline')
  if (before?.kind === 'put' && before.deadline === deadline) return
  const is = before === undefined ? 'nothing' : `entry ${before.sequence} (${before.kind}), which does not end then`
  report(`is an expiry that takes away ${is}`)
}
