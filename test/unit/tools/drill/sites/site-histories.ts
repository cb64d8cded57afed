import type { ReadLog } from '../../../../../tools/drill/sites/site-logs.ts'
import { judgeSites, type SitesHistory } from '../../../../../tools/drill/sites/sites-verdict.ts'
import { makeValue } from '../../../../../tools/drill/workload/value.ts'
import type { LoggedEntry } from '../../../../../tools/sites-checker/facts.ts'
import type { SentOperation } from '../../../../../tools/sites-checker/operation.ts'

type Entry = Pick<LoggedEntry, 'key' | 'stamp'> & Partial<LoggedEntry> & { readonly id?: string }

const ids = ['aaaa0001', 'bbbb0002'] as const

/** A log of entries made by hand: a put where there is an id of a value, else a delete. */
export function logOf(site: 0 | 1, entries: readonly Entry[]): ReadLog {
  return {
    logId: ids[site],
    entries: entries.map(({ id, ...entry }, index) => ({
      ...{ sequence: BigInt(index + 1), eventType: id === undefined ? 1 : 2 },
      ...{ value: id === undefined ? undefined : makeValue(id, 60), deadline: undefined, after: undefined },
      ...{ digest: Buffer.from([site, index]), origin: undefined, superseded: false },
      ...entry,
    })),
  }
}

/** Where an entry was first written. */
export const from = (site: 0 | 1, sequence: number) => ({ logId: ids[site], sequence: BigInt(sequence) })

export const at = (first: number, second: number, stamp: number) =>
  `${ids[0]}=${first},${ids[1]}=${second},stamp=${stamp}`

let clock = 0

/** An acknowledged operation, after all that were made before it. */
export function op(
  client: number,
  site: 0 | 1,
  kind: SentOperation['kind'],
  rest: Partial<SentOperation>,
): SentOperation {
  const [invoked, returned] = [clock++, clock++]
  const status = kind === 'put' ? 201 : kind === 'get' && rest.value === null ? 404 : 200
  const made = {
    client,
    site,
    node: 'ab'[site] ?? '',
    kind,
    key: 'x',
    invoked,
    returned,
    outcome: 'ok' as const,
    status,
  }
  return { ...made, token: '', ...rest }
}

/**
 * A right history. Client 1 puts x at the first site; client 2 reads that at the second one, and puts y; client 3 reads
 * y at the first one and then x; client 1 puts and deletes z at the first one, and misses z at the second one.
 */
export function rightHistory(): SitesHistory & { readonly logs: [ReadLog, ReadLog] } {
  const logs: [ReadLog, ReadLog] = [
    logOf(0, [
      { key: 'x', id: '1-0', stamp: 10 },
      { key: 'y', id: '2-0', stamp: 20, origin: from(1, 2) },
      { key: 'z', id: '1-1', stamp: 30 },
      { key: 'z', stamp: 40 },
    ]),
    logOf(1, [
      { key: 'x', id: '1-0', stamp: 10, origin: from(0, 1) },
      { key: 'y', id: '2-0', stamp: 20 },
      { key: 'z', id: '1-1', stamp: 30, origin: from(0, 3) },
      { key: 'z', stamp: 40, origin: from(0, 4) },
    ]),
  ]
  const operations = [
    op(1, 0, 'put', { value: '1-0', sequence: 1, given: at(1, 0, 10) }),
    op(2, 1, 'get', { value: '1-0', sequence: 1, given: at(1, 0, 10) }),
    op(2, 1, 'put', { key: 'y', value: '2-0', sequence: 2, token: at(1, 0, 10), given: at(1, 2, 20) }),
    op(3, 0, 'get', { key: 'y', value: '2-0', sequence: 2, given: at(1, 2, 20) }),
    op(3, 0, 'get', { value: '1-0', sequence: 1, token: at(1, 2, 20), given: at(1, 2, 20) }),
    op(1, 0, 'put', { key: 'z', value: '1-1', sequence: 3, token: at(1, 0, 10), given: at(3, 2, 30) }),
    op(1, 0, 'delete', { key: 'z', token: at(3, 2, 30), given: at(4, 2, 40) }),
    op(1, 1, 'get', { key: 'z', value: null, token: at(4, 2, 40), given: at(4, 2, 40) }),
  ]
  const values = new Map([
    ['x', '1-0'],
    ['y', '2-0'],
    ['z', null],
  ])
  return { operations, logs, views: ['a', 'b'].map((node) => ({ node, values })) }
}

/** A right history with one of its operations changed. */
export function withOperation(index: number, change: Partial<SentOperation>): SitesHistory {
  const right = rightHistory()
  return { ...right, operations: right.operations.map((one, place) => (place === index ? { ...one, ...change } : one)) }
}

/** A right history with more operations after it. */
export function followedBy(...more: SentOperation[]): SitesHistory {
  const right = rightHistory()
  const started = right.operations.length
  return {
    ...right,
    operations: [...right.operations, ...more.map((one, index) => ({ ...one, ...timesOf(started + index) }))],
  }
}

const timesOf = (place: number) => ({ invoked: clock + 2 * place, returned: clock + 2 * place + 1 })

/** A right history with one entry of a log changed. */
export function withEntry(site: 0 | 1, sequence: number, change: Partial<LoggedEntry>): SitesHistory {
  const right = rightHistory()
  const change1 = (entry: LoggedEntry) => (entry.sequence === BigInt(sequence) ? { ...entry, ...change } : entry)
  const logs = right.logs.map((log, index) => (index === site ? { ...log, entries: log.entries.map(change1) } : log))
  return { ...right, logs }
}

/** A right history with other entries in one log. */
export function withLog(site: 0 | 1, entries: readonly Entry[]): SitesHistory {
  const right = rightHistory()
  return { ...right, logs: right.logs.map((log, index) => (index === site ? logOf(site, entries) : log)) }
}

export const violationsOf = (history: SitesHistory) => judgeSites(history).violations
