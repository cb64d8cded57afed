import type { Condition, LogEntry, Operation } from '../history.ts'
import { isExpiry } from './lifetimes.ts'
import { currentAfter } from './log-index.ts'
import type { NodesHistory } from './nodes-history.ts'

/**
 * What was decided in the order of the log: where a write under a condition is in the log, answered or not, its
 * condition held right before; where it was refused, there was a state between its request and its answer in which it
 * did not, and that is the one it was told.
 */
export function checkConditions(nodes: NodesHistory): void {
  for (const operation of nodes.operations) {
    const { kind, condition, outcome, status } = operation
    if (status === 412) checkRefused(nodes, operation)
    else if (condition === undefined) continue
    else if (operation.isSpooled) nodes.report(operation, 'has a condition, and was spooled')
    else if (kind === 'put') checkLanded(nodes, operation, condition)
    else if (outcome === 'ok') checkDeleted(nodes, operation, condition)
  }
}

function checkLanded(nodes: NodesHistory, put: Operation, condition: Condition): void {
  const { index, report } = nodes
  const entry = index.ofValue(put.value)
  if (entry === undefined) return
  if (entry.superseded) report(put, `has a condition, and entry ${entry.sequence}, its own, is superseded`)
  const before = index.asOf(put.key, entry.sequence - 1)
  if (holds(condition, currentAfter(before))) return
  if (holds(condition, undefined) && nodes.lifetimes.mayHaveLapsed(before, put.returned)) return
  report(put, `landed as entry ${entry.sequence} under ${worded(condition)}, and the key had ${stateOf(before)} then`)
}

/** Checks a delete. Its answer does not name its entry, so one of those that may be its own must fit. */
function checkDeleted(nodes: NodesHistory, remove: Operation, condition: Condition): void {
  const { index, floor, report } = nodes
  const { key, invoked, position = 0 } = remove
  const fits = (entry: LogEntry) =>
    entry.kind === 'delete' && !isExpiry(entry) && holds(condition, currentAfter(index.asOf(key, entry.sequence - 1)))
  const entry = index.next(key, floor(invoked), fits)
  if (entry !== undefined && entry.sequence <= position) return
  report(
    remove,
    `landed under ${worded(condition)}, and no delete up to ${position} has a state before it in which that held`,
  )
}

function checkRefused(nodes: NodesHistory, write: Operation): void {
  const { index, floor, report, lifetimes } = nodes
  const { key, condition, invoked, returned, position = 0, sequence } = write
  if (condition === undefined) {
    report(write, 'was refused, and has no condition')
    return
  }
  const from = floor(invoked)
  let state = index.asOf(key, from)
  for (;;) {
    const current = currentAfter(state)
    if (current === sequence && !holds(condition, current)) return
    if (sequence === undefined && !holds(condition, undefined) && lifetimes.mayHaveLapsed(state, returned)) return
    const next = index.next(key, Math.max(from, state?.sequence ?? 0))
    if (next === undefined || next.sequence > position) break
    state = next
  }
  const told = sequence === undefined ? 'no value' : `entry ${sequence}`
  report(
    write,
    `was refused under ${worded(condition)} with ${told}, which is no state between ${from} and ${position} that refuses it`,
  )
}

function holds(condition: Condition, current: number | undefined): boolean {
  if (condition === 'absent') return current === undefined
  return condition === 'present' ? current !== undefined : current === condition
}

function worded(condition: Condition): string {
  if (condition === 'absent') return 'If-None-Match: *'
  return `If-Match: ${condition === 'present' ? '*' : `"${condition}"`}`
}

function stateOf(entry: LogEntry | undefined): string {
  return entry?.kind === 'put' ? `entry ${entry.sequence}` : 'no value'
}
