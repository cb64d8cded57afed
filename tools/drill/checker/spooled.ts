import type { LogEntry, Operation } from '../history.ts'
import { isExpiry } from './lifetimes.ts'
import { makeFloor } from './log-index.ts'
import type { NodesHistory } from './nodes-history.ts'
import { describe } from './words.ts'

/**
 * What was kept on a node's own disk for a while: that its readers see it there until the log has it, in the order in
 * which it was written, and that it overwrites nothing that another node has committed meanwhile.
 */
export function checkSpooled(nodes: NodesHistory): void {
  const { operations, log, report } = nodes
  for (const [node, ofNode] of Map.groupBy(operations, (operation) => operation.node)) {
    checkOrder(nodes, ofNode)
    for (const [, ofKey] of Map.groupBy(ofNode, (operation) => operation.key)) checkReads(nodes, node, ofKey)
  }
  for (const operation of operations) {
    if (operation.kind === 'put' && operation.isSpooled && operation.outcome === 'ok') {
      checkOverwritten(nodes, operation)
    }
  }
  for (const entry of log.filter(({ superseded }) => superseded)) {
    const put = entry.value === undefined ? undefined : nodes.puts.get(entry.value)
    const since = put === undefined ? 0 : nodes.floorOf(put.node, put.invoked)
    const cause = nodes.index.next(entry.key, since, (other) => other.writer !== entry.writer && !isExpiry(other))
    if (cause !== undefined && cause.sequence < entry.sequence) continue
    const sentence = `is entry ${entry.sequence}, superseded, and no other node wrote to the key after ${since}`
    report(put ?? deleteOf(entry), sentence)
  }
}

/** Checks that one node's writes are in the log in the order in which they followed each other, spooled or not. */
function checkOrder(nodes: NodesHistory, ofNode: readonly Operation[]): void {
  const placeOf = ({ value }: Operation) => nodes.index.ofValue(value)?.sequence ?? 0
  const acknowledged = ofNode.filter(({ kind, outcome }) => kind === 'put' && outcome === 'ok')
  const floor = makeFloor(acknowledged, placeOf)
  for (const put of acknowledged) {
    const [place, before] = [placeOf(put), floor(put.invoked)]
    if (place === 0 || place > before) continue
    nodes.report(put, `is entry ${place}, and entry ${before} had been written at ${put.node} before it was asked`)
  }
}

function checkReads(nodes: NodesHistory, node: string | undefined, ofKey: readonly Operation[]): void {
  const spooled = ofKey.filter((put) => put.kind === 'put' && put.isSpooled && put.outcome === 'ok')
  const settled = makeFloor(spooled, (put) => settledAt(nodes, put))
  for (const read of ofKey) {
    if (read.kind !== 'get' || read.outcome !== 'ok') continue
    const { position = 0, invoked } = read
    if (read.isSpooled) checkSpooledRead(nodes, node, read, position)
    else if (position < settled(invoked) && !showsSpooledAbsence(nodes, read, position)) {
      nodes.report(
        read,
        `is at ${position}, without what ${node} had spooled before and has in the log at ${settled(invoked)}`,
      )
    }
  }
}

function checkSpooledRead(nodes: NodesHistory, node: string | undefined, read: Operation, position: number): void {
  const { index, puts } = nodes
  const report = (sentence: string) => nodes.report(read, sentence)
  const put = puts.get(read.value ?? '')
  if (put === undefined) return
  if (put.node !== node) report(`shows what ${put.node} was to spool: ${describe(put)}`)
  const entry = index.ofValue(read.value)
  if (entry === undefined) {
    report('shows a value that is not in the log')
    return
  }
  if (!entry.superseded && entry.sequence <= position && index.asOf(read.key, position) !== entry) {
    report(`shows entry ${entry.sequence} as spooled, at ${position}, where the log has a newer one`)
  }
  const cause = causeAfter(nodes, entry, put.position ?? Number.POSITIVE_INFINITY)
  if (entry.superseded && cause !== undefined && cause.sequence <= position) {
    report(`shows what entry ${cause.sequence} has superseded, at ${position}`)
  }
}

/** Returns the last position at which a node may still have the write in its spool alone. */
function settledAt(nodes: NodesHistory, put: Operation): number {
  const entry = nodes.index.ofValue(put.value)
  if (entry === undefined) return 0
  if (!entry.superseded) return entry.sequence
  return causeAfter(nodes, entry, nodes.floorOf(put.node, put.invoked))?.sequence ?? 0
}

function causeAfter({ index }: NodesHistory, { key, writer }: LogEntry, position: number): LogEntry | undefined {
  return index.next(key, position, (other) => other.writer !== writer && !isExpiry(other))
}

/**
 * What another node has committed after the write was spooled, at a position that had not seen it. A batch that was
 * under way when its connection broke lands before that, if it lands.
 */
function checkOverwritten(nodes: NodesHistory, put: Operation): void {
  const { index, puts, report } = nodes
  const entry = index.ofValue(put.value)
  if (entry === undefined || entry.superseded) return
  const isLater = ({ writer, value }: LogEntry) => {
    const other = value === undefined ? undefined : puts.get(value)
    return writer !== entry.writer && other !== undefined && other.invoked > put.returned
  }
  const newer = index.next(put.key, put.position ?? 0, isLater)
  if (newer === undefined || newer.sequence > entry.sequence) return
  const other = describe(puts.get(newer.value ?? '') ?? put)
  report(
    put,
    `was spooled at ${put.position}, and as entry ${entry.sequence} overwrites entry ${newer.sequence}: ${other}`,
  )
}

/**
 * Whether a read of nothing may be of a delete in the node's spool, or of a put there that has lapsed, of which its
 * answer has no sign: one that had been asked for, and that the log has later than the read's position.
 */
export function showsSpooledAbsence(nodes: NodesHistory, read: Operation, position: number): boolean {
  if (read.value !== null) return false
  const writer = nodes.writerOf(read.node)
  const asked = nodes.operations.some(
    ({ kind, key, node, status, outcome, invoked, ttl }) =>
      (kind === 'delete' || ttl !== undefined) &&
      key === read.key &&
      node === read.node &&
      invoked <= read.returned &&
      (status === 202 || outcome === 'unknown'),
  )
  const isLater = (entry: LogEntry) =>
    (isClientsDelete(entry) || nodes.lifetimes.mayHaveLapsed(entry, read.returned)) &&
    entry.sequence > position &&
    (writer ?? entry.writer) === entry.writer
  return asked && nodes.index.allOf(read.key).some(isLater)
}

function isClientsDelete(entry: LogEntry): boolean {
  return entry.kind === 'delete' && !isExpiry(entry)
}

/** Makes an operation that stands for a delete in a sentence. */
function deleteOf({ key }: LogEntry): Operation {
  return { client: 0, kind: 'delete', key, invoked: 0, returned: 0, outcome: 'unknown', status: 0 }
}
