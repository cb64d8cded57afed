import { seconds } from '../../lib/seconds.ts'
import type { Moment, NodeEvent, NodeState } from './node-state.ts'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
  /** Whether it may come with every batch, and is therefore told only now and then. */
  readonly isFrequent?: boolean
}

export interface Change {
  readonly before: NodeState
  readonly event: NodeEvent
  readonly after: NodeState
  readonly at: Moment
}

/**
 * What a change means for an operator. The loss of the log is told once, not with every try to reach it.
 * @param spools whether writes are spooled while the log is down
 */
export function linesOf({ before, event, after, at }: Change, spools: boolean): LogLine[] {
  switch (event.kind) {
    case 'log opened':
      if (before.kind !== 'connecting' || before.connectedTo === event.description) return []
      return [info(`connected to ${event.description}`)]
    case 'replayed':
      return before.kind === 'replaying' ? [info(replayed(event, at.now - before.openedAt))] : []
    case 'drained':
      return [
        ...logIsBack(before, after, at),
        ...(event.writes > 0 ? [info(`spooled writes that are in the log now: ${event.writes}`)] : []),
      ]
    case 'landed':
    case 'log grew':
      return logIsBack(before, after, at)
    case 'rejected':
      return [rejection(event.reason)]
    case 'log lost':
      if (before.kind === 'stopped') return []
      return [...(event.cause === 'rejected' ? [rejection(event.reason)] : []), ...logIsLost(before, after, spools)]
    case 'diverged':
      return [{ level: 'error', text: `log diverged: ${event.reason}` }]
    default:
      return []
  }
}

function info(text: string): LogLine {
  return { level: 'info', text }
}

function rejection(reason: string): LogLine {
  return { level: 'error', text: `the log refuses writes: ${reason}`, isFrequent: true }
}

function replayed({ keys, entries }: { readonly keys: number; readonly entries: number }, ms: number): string {
  const on = keys > 0 ? `, on a checkpoint of ${keys} keys,` : ''
  return `${entries} events replayed${on} in ${seconds(ms)}`
}

function logIsBack(before: NodeState, after: NodeState, at: Moment): LogLine[] {
  const downSince = downSinceOf(before)
  if (downSince === undefined || after.kind !== 'following' || after.downSince !== undefined) return []
  return [info(`the log is back after ${seconds(at.now - downSince)}: ${after.description}`)]
}

function logIsLost(before: NodeState, after: NodeState, spools: boolean): LogLine[] {
  if (after.kind === 'connecting') {
    const isTold = 'lastFailure' in before && before.lastFailure === after.lastFailure
    return isTold ? [] : [{ level: 'warn', text: `waiting for the log: ${after.lastFailure}` }]
  }
  if (after.kind !== 'down' || downSinceOf(before) !== undefined) return []
  const so = spools ? 'writes go to the spool' : 'writes wait, and are refused in the end'
  return [{ level: 'warn', text: `the log is down: ${after.lastFailure}; ${so}` }]
}

function downSinceOf(state: NodeState): number | undefined {
  return 'downSince' in state ? state.downSince : undefined
}
