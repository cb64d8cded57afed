import { type History, isOfTransfers, type LogEntry, type Operation } from '../history.ts'
import { checkKeyOrder } from './key-order.ts'
import { checkExpiries, isExpiry, makeLifetimes, withLapses } from './lifetimes.ts'
import { checkNodes } from './nodes.ts'
import { checkTransfers } from './transfers.ts'
import { describe, named, quoted } from './words.ts'

export interface LogRules {
  /** Allows writes that lost to another node's, and plain reads of the past. */
  readonly severalNodes?: boolean
}

export interface LogFindings {
  /** Number of acknowledged writes. */
  readonly acknowledged: number
  /** Number of acknowledged writes that are not in the log; superseded ones are in it. */
  readonly lost: number
  /** Number of reads and entries whose bytes are not whole. */
  readonly torn: number
  /** Number of reads that were answered with a value, its absence, or torn bytes. */
  readonly readsChecked: number
  /** One sentence for each violation. */
  readonly violations: readonly string[]
}

/**
 * Holds what the clients saw against the log, in n log n time: sequences without gaps; each acknowledged write there
 * once, nothing there that nobody sent or that failed; sequences in the order in which writes followed each other (see
 * checkKeyOrder); each read explained by an entry; the views equal to the log's fold. An outcome that was unknown is
 * what the log says, so a read that says otherwise is a violation. Of several nodes, see checkNodes as well, and of
 * transfers checkTransfers.
 */
export function checkAgainstLog(whole: History, { severalNodes = false }: LogRules = {}): LogFindings {
  const { operations } = whole
  const log = whole.log.filter(({ key }) => !isOfTransfers(key))
  const history = { ...whole, log }
  const violations: string[] = []
  const report = (text: string) => violations.push(text)
  const puts = indexPuts(operations, report)

  checkSequences(whole.log, report)
  for (const entry of log) checkEntry(entry, puts, severalNodes, report)
  checkEachOnce(log, report)
  const lost = countLost(history, puts, report)
  checkPlaces(history, report)
  const tornReads = operations.filter((operation) => operation.outcome === 'torn')
  for (const read of tornReads)
    report(`key ${quoted(read.key)}: ${describe(read)} shows bytes that are no client's value`)
  checkKeys(severalNodes ? inOrderOfTime(history) : history, puts, report)
  if (severalNodes) checkNodes(whole).forEach(report)
  checkTransfers(whole).forEach(report)
  checkExpiries(history).forEach(report)
  checkViews(history, report)

  const tornEntries = log.filter((entry) => entry.kind === 'put' && entry.value === undefined)
  return {
    acknowledged: operations.filter((operation) => operation.kind !== 'get' && operation.outcome === 'ok').length,
    lost,
    torn: tornReads.length + tornEntries.length,
    readsChecked: operations.filter(({ kind, outcome }) => kind === 'get' && (outcome === 'ok' || outcome === 'torn'))
      .length,
    violations,
  }
}

type Report = (text: string) => void
type Puts = ReadonlyMap<string, Operation>

function indexPuts(operations: readonly Operation[], report: Report): Puts {
  const puts = new Map<string, Operation>()
  for (const operation of operations) {
    if (operation.kind !== 'put') continue
    if (typeof operation.value !== 'string') report(`${describe(operation)} lacks the id of its value`)
    else if (puts.has(operation.value)) report(`the value ${quoted(operation.value)} was put twice`)
    else puts.set(operation.value, operation)
  }
  return puts
}

function checkSequences(log: readonly LogEntry[], report: Report): void {
  let last = 0
  for (const { sequence } of log) {
    if (sequence !== last + 1) report(`the log has entry ${sequence} after ${last === 0 ? 'nothing' : `entry ${last}`}`)
    last = sequence
  }
}

function checkEntry(entry: LogEntry, puts: Puts, severalNodes: boolean, report: Report): void {
  const { sequence, kind, key, value, superseded } = entry
  const name = `entry ${sequence} (${kind} at ${quoted(key)})`
  const put = value === undefined ? undefined : puts.get(value)
  if (superseded && !severalNodes) report(`${name} is superseded, with no other node to lose to`)
  if (kind === 'delete') return
  if (value === undefined) report(`${name} is torn`)
  else if (put === undefined) report(`${name} has the value ${quoted(value)}, which no client sent`)
  else if (put.key !== key) report(`${name} has the value of ${describe(put)} at ${quoted(put.key)}`)
  else if (put.outcome === 'failed') report(`${name} should not be there: ${describe(put)}`)
}

function checkEachOnce(log: readonly LogEntry[], report: Report): void {
  const first = new Map<string, number>()
  for (const { kind, value, sequence } of log) {
    if (kind !== 'put' || value === undefined) continue
    const before = first.get(value)
    if (before === undefined) first.set(value, sequence)
    else report(`the value ${quoted(value)} is in the log twice, as entry ${before} and as entry ${sequence}`)
  }
}

/** Counts deletes key by key, since a delete has no identity of its own. */
function countLost({ operations, log }: History, puts: Puts, report: Report): number {
  const found = new Set<Operation>()
  const entries = new Map<string, number>()
  for (const entry of log) {
    const { kind, key, value } = entry
    if (kind === 'delete' && !isExpiry(entry)) entries.set(key, (entries.get(key) ?? 0) + 1)
    const put = kind === 'put' && value !== undefined ? puts.get(value) : undefined
    if (put?.key === key) found.add(put)
  }
  const lost = operations
    .filter(({ kind, outcome }) => kind === 'put' && outcome === 'ok')
    .filter((put) => !found.has(put))
  for (const put of lost) report(`key ${quoted(put.key)}: ${describe(put)} was acknowledged and is not in the log`)

  let lostDeletes = 0
  const deletes = operations.filter(({ kind, outcome }) => kind === 'delete' && outcome !== 'failed')
  const byKey = Map.groupBy(deletes, (operation) => operation.key)
  for (const key of new Set([...byKey.keys(), ...entries.keys()])) {
    const sent = byKey.get(key) ?? []
    const acknowledged = sent.filter(({ outcome }) => outcome === 'ok').length
    const inLog = entries.get(key) ?? 0
    const counts = `key ${quoted(key)}: the log has ${inLog} of its deletes`
    if (inLog < acknowledged) report(`${counts}, but ${acknowledged} were acknowledged`)
    if (inLog > sent.length) {
      report(`${counts}, but ${acknowledged} were acknowledged and ${sent.length - acknowledged} left unknown`)
    }
    lostDeletes += Math.max(0, acknowledged - inLog)
  }
  return lost.length + lostDeletes
}

/** Checks that an answer that named an entry named the right one. */
function checkPlaces({ operations, log }: History, report: Report): void {
  const entries = new Map(log.map((entry) => [entry.sequence, entry]))
  const deletes = new Set<number>()
  for (const operation of operations) {
    const { kind, key, sequence, outcome } = operation
    if (sequence === undefined || outcome !== 'ok' || (kind === 'get' && typeof operation.value !== 'string')) continue
    const entry = entries.get(sequence)
    const is = entry === undefined ? 'missing' : `${entry.kind} of ${named(entry.value)} at ${quoted(entry.key)}`
    const fits = entry?.key === key && (kind === 'delete' ? entry.kind === 'delete' : entry.value === operation.value)
    if (!fits) report(`key ${quoted(key)}: ${describe(operation)} was said to be entry ${sequence}, which is ${is}`)
    if (kind !== 'delete') continue
    if (deletes.has(sequence)) report(`key ${quoted(key)}: two deletes were said to be entry ${sequence}`)
    deletes.add(sequence)
  }
}

function checkKeys({ operations, log, serverClock }: History, puts: Puts, report: Report): void {
  const lifetimes = makeLifetimes(serverClock)
  const entriesOf = Map.groupBy(log, (entry) => entry.key)
  const operationsOf = Map.groupBy(operations, (operation) => operation.key)
  const putsOf = Map.groupBy(puts, ([, put]) => put.key)
  for (const [key, all] of operationsOf) {
    const entries = entriesOf.get(key) ?? []
    const superseded = entries.filter((entry) => entry.superseded)
    const sentences = checkKeyOrder({
      key,
      operations: all.filter(({ outcome }) => outcome === 'ok' || outcome === 'unknown'),
      entries: withLapses(entries.filter((entry) => !entry.superseded)),
      lifetimes,
      puts: new Map(putsOf.get(key)),
      superseded: new Set(superseded.flatMap((entry) => entry.value ?? [])),
      deletesCount: superseded.every((entry) => entry.kind === 'put'),
    })
    sentences.forEach(report)
  }
}

/** Leaves out plain reads and makes spooled writes unknown: neither has a place in the clients' time. */
function inOrderOfTime({ operations, ...rest }: History): History {
  const timed = operations.filter(({ kind, isConsistent }) => kind !== 'get' || isConsistent)
  return { ...rest, operations: timed.map((one) => (one.status === 202 ? { ...one, outcome: 'unknown' } : one)) }
}

/** Each view is read when all is over: what had lapsed when the last client had its answer is gone. */
function checkViews({ operations, log, views, serverClock }: History, report: Report): void {
  const lifetimes = makeLifetimes(serverClock)
  const end = operations.reduce((last, { returned }) => Math.max(last, returned), 0)
  const fold = new Map<string, LogEntry>()
  // A view may be read before the expiry that the log has by now.
  for (const entry of log) if (!entry.superseded && !isExpiry(entry)) fold.set(entry.key, entry)
  views.forEach((view, index) => {
    for (const key of new Set([...fold.keys(), ...Object.keys(view)])) {
      const entry = fold.get(key)
      if (entry?.kind === 'put' && entry.value === undefined) continue
      const shown = Object.hasOwn(view, key) ? view[key] : null
      if (shown === null && entry?.deadline !== undefined) continue
      if (lifetimes.hasLapsed(entry, end))
        report(`key ${quoted(key)}: view ${index + 1} has what ended before: ${named(shown)}`)
      if ((shown ?? null) === (entry?.value ?? null)) continue
      const says = entry === undefined ? 'has no entry' : `says ${named(entry.value)} (entry ${entry.sequence})`
      report(`key ${quoted(key)}: view ${index + 1} has ${named(shown)}, the log ${says}`)
    }
  })
}
