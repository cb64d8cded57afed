import type { History, LogEntry, Operation } from '../../../../../tools/drill/history.ts'

/** Each a lie that could be told about a correct history: certain to be one, wherever it can be told at all. */
export const mutations: Record<string, (history: History) => History[]> = {
  'a read made stale': ({ operations, log, ...rest }) => {
    const writes = placed(operations, log)
    return reads(operations).flatMap((read) => {
      const before = writes.filter(
        ({ put }) => put.key === read.key && put.outcome === 'ok' && put.returned < read.invoked,
      )
      const newest = Math.max(...before.map(({ sequence }) => sequence))
      const old = writes.find(({ put, sequence }) => put.key === read.key && sequence < newest)
      return old ? [{ ...rest, log, operations: withValue(operations, read, old.put.value) }] : []
    })
  },
  'a read from the future': ({ operations, ...rest }) =>
    reads(operations).flatMap((read) => {
      const put = operations.find(
        ({ kind, key, invoked }) => kind === 'put' && key === read.key && invoked > read.returned,
      )
      return put ? [{ ...rest, operations: withValue(operations, read, put.value) }] : []
    }),
  'a failed write read': ({ operations, ...rest }) =>
    reads(operations).flatMap((read) => {
      const put = operations.find(
        ({ kind, key, outcome }) => kind === 'put' && key === read.key && outcome === 'failed',
      )
      return put ? [{ ...rest, operations: withValue(operations, read, put.value) }] : []
    }),
  'a value of no one read': ({ operations, ...rest }) =>
    reads(operations).map((read) => ({ ...rest, operations: withValue(operations, read, 'no one') })),
  'a put of unknown outcome read that is not in the log': ({ operations, log, ...rest }) => {
    const inLog = new Set(log.map((entry) => entry.value))
    return reads(operations).flatMap((read) => {
      const put = operations.find(
        ({ kind, key, value }) => kind === 'put' && key === read.key && !inLog.has(value ?? ''),
      )
      return put ? [{ ...rest, log, operations: withValue(operations, read, put.value) }] : []
    })
  },
  'a put lost': ({ operations, log, ...rest }) =>
    placed(operations, log)
      .filter(({ put }) => put.outcome === 'ok')
      .map(({ put }) => ({ ...rest, operations, log: numbered(log.filter((entry) => entry.value !== put.value)) })),
  'a delete lost': ({ operations, log, ...rest }) =>
    log
      .filter(
        ({ kind, key }) => kind === 'delete' && !operations.some((o) => isDelete(o, key) && o.outcome === 'unknown'),
      )
      .map((entry) => ({ ...rest, operations, log: numbered(log.filter((other) => other !== entry)) })),
  'a gap': ({ log, ...rest }) =>
    log.map((entry) => ({ ...rest, log: log.map((e) => (e.sequence < entry.sequence ? e : later(e))) })),
  'an entry twice': ({ log, ...rest }) =>
    log.filter(({ kind }) => kind === 'put').map((entry) => ({ ...rest, log: numbered([...log, entry]) })),
  'an entry torn': ({ log, ...rest }) =>
    log
      .filter(({ kind }) => kind === 'put')
      .map((entry) => ({ ...rest, log: log.map((e) => (e === entry ? { ...e, value: undefined } : e)) })),
  'two writes swapped': ({ operations, log, ...rest }) => {
    const writes = placed(operations, log)
    return writes.flatMap((a) => {
      const b = writes.find(
        ({ put }) => put.key === a.put.key && a.put.outcome === 'ok' && a.put.returned < put.invoked,
      )
      if (b === undefined) return []
      const swap: Record<number, number> = { [a.sequence]: b.sequence, [b.sequence]: a.sequence }
      const swapped = log.map((entry) => log[(swap[entry.sequence] ?? entry.sequence) - 1] ?? entry)
      return [{ ...rest, operations: withoutSequences(operations), log: numbered(swapped) }]
    })
  },
  'a view that is not the fold': ({ views, ...rest }) =>
    Object.keys(views[1] ?? {}).flatMap((key) => [
      { ...rest, views: [views[0] ?? {}, { ...views[1], [key]: 'other' }] },
    ]),
}

function reads(operations: readonly Operation[]): Operation[] {
  return operations.filter(({ kind, outcome }) => kind === 'get' && outcome === 'ok')
}

function placed(operations: readonly Operation[], log: readonly LogEntry[]) {
  const puts = new Map(operations.filter(({ kind }) => kind === 'put').map((put) => [put.value, put]))
  return log.flatMap(({ value, sequence }) => {
    const put = value === undefined ? undefined : puts.get(value)
    return put ? [{ put, sequence }] : []
  })
}

function isDelete({ kind, key }: Operation, of: string): boolean {
  return kind === 'delete' && key === of
}

function withValue(operations: readonly Operation[], read: Operation, value: string | null = null): Operation[] {
  const { sequence: _, ...rest } = read
  return operations.map((operation) => (operation === read ? { ...rest, value } : operation))
}

function withoutSequences(operations: readonly Operation[]): Operation[] {
  return operations.map(({ sequence: _, ...rest }) => rest)
}

function numbered(log: readonly LogEntry[]): LogEntry[] {
  return log.map((entry, index) => ({ ...entry, sequence: index + 1 }))
}

function later(entry: LogEntry): LogEntry {
  return { ...entry, sequence: entry.sequence + 1 }
}
