import type { LogEntry, Operation } from '../history.ts'
import { isExpiry } from './lifetimes.ts'
import { currentAfter } from './log-index.ts'
import { isAnswered, type NodesHistory } from './nodes-history.ts'
import { showsSpooledAbsence } from './spooled.ts'
import { describe, named } from './words.ts'

/** Checks that each answer's position is where it must be, and that the answer is the log's state there. */
export function checkPositions(nodes: NodesHistory): void {
  for (const operation of nodes.operations) {
    if (!isAnswered(operation)) continue
    if (operation.position === undefined) nodes.report(operation, 'has no position')
    else checkPosition(nodes, operation, operation.position)
  }
}

function checkPosition(nodes: NodesHistory, operation: Operation, position: number): void {
  const { index, floor, floorOf } = nodes
  const { node, kind, minPosition, invoked, isConsistent, outcome } = operation
  const report = (sentence: string) => nodes.report(operation, sentence)
  if (position > index.end) report(`is at ${position}, and the log ends at ${index.end}`)
  if (minPosition !== undefined && position < minPosition) {
    report(`is at ${position}, although its client had been at ${minPosition}, and said so`)
  }
  const before = floorOf(node, invoked)
  if (position < before) report(`is at ${position}, and ${node} had been at ${before} before it was asked`)
  if ((isConsistent || outcome === 'failed') && position < floor(invoked)) {
    report(`is at ${position}, and the log was known to be at ${floor(invoked)} before it was asked`)
  }
  if (outcome === 'failed') return
  if (kind === 'get') checkRead(nodes, operation, position)
  else if (!operation.isSpooled) checkWrite(nodes, operation, position)
}

function checkRead(nodes: NodesHistory, read: Operation, position: number): void {
  const { index, puts, lifetimes } = nodes
  const { key, value, sequence, isSpooled, isConsistent, invoked, returned } = read
  const report = (sentence: string) => nodes.report(read, sentence)
  const put = typeof value === 'string' ? puts.get(value) : undefined
  if (typeof value === 'string' && put === undefined) report('shows a value that nobody put there')
  if (put?.outcome === 'failed') report(`shows what failed: ${describe(put)}`)
  if (put !== undefined && put.invoked > returned) report(`comes from the future: ${describe(put)}`)
  if (isSpooled) {
    if (isConsistent) report('is consistent, and shows what is in no log yet')
    return
  }
  const entry = index.asOf(key, position)
  const expected = entry?.value ?? null
  if (value === null && lifetimes.mayHaveLapsed(entry, returned)) return
  if (value !== null && isConsistent && lifetimes.hasLapsed(entry, invoked)) {
    report('is consistent, and shows what had ended before it was asked')
  }
  const isRight = (value ?? null) === expected && (value === null || sequence === currentAfter(entry))
  if (isRight || (!isConsistent && showsSpooledAbsence(nodes, read, position))) return
  const says = entry === undefined ? 'nothing' : `${named(expected)} (entry ${entry.sequence})`
  report(`is at ${position}, where the log says ${says}${sequence === undefined ? '' : `, not entry ${sequence}`}`)
}

/** Checks a write: its entry is after all that was known when it was sent, and at or before its position. */
function checkWrite(nodes: NodesHistory, write: Operation, position: number): void {
  const from = Math.max(nodes.floor(write.invoked), write.minPosition ?? 0)
  if (write.kind === 'put') checkPut(nodes, write, from, position)
  else checkDelete(nodes, write, from, position)
}

function checkPut({ index, report }: NodesHistory, put: Operation, from: number, position: number): void {
  const { sequence } = put
  if (sequence === undefined) {
    report(put, 'was not told its entry')
    return
  }
  if (sequence > position) report(put, `is entry ${sequence}, and its answer is at ${position}, before it`)
  if (sequence <= from) report(put, `is entry ${sequence}, and the log was known to be at ${from} before it was asked`)
  if (index.at(sequence)?.superseded) report(put, `is entry ${sequence}, which is superseded`)
}

/** Checks a delete. Its answer does not name its entry, so one of those that may be its own must fit. */
function checkDelete(nodes: NodesHistory, remove: Operation, from: number, position: number): void {
  const writer = nodes.writerOf(remove.node)
  const isOwn = (entry: LogEntry) =>
    entry.kind === 'delete' && !isExpiry(entry) && (writer ?? entry.writer) === entry.writer
  const own = nodes.index.next(remove.key, from, isOwn)
  if (own !== undefined && own.sequence <= position) return
  nodes.report(
    remove,
    `has no entry after ${from}, where the log was known to be, up to ${position}, where its answer is`,
  )
}
