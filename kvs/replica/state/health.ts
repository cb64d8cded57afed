import type { State, Status } from '../../kv/index.ts'
import { caughtUpAt, type Moment, type NodeState, type Stopped } from './node-state.ts'

/** A state as /readyz names it, and why the node is not simply serving; null where it is. */
export interface Health {
  readonly state: State
  readonly reason: string | null
}

/** How the node gets on with its log, whether or not it is told to stop. */
export function healthOf(state: Exclude<NodeState, Stopped>): Health {
  switch (state.kind) {
    case 'connecting':
      return { state: 'starting', reason: state.lastFailure ?? 'connecting to the log' }
    case 'replaying':
      return { state: 'replaying', reason: 'replaying the log' }
    case 'catching up':
      return down(state.noWritesReason ?? 'the log is back; reading what others have written meanwhile')
    case 'draining spool':
      return down(state.noWritesReason ?? `the log is back; ${state.writes} spooled writes are on their way to it`)
    case 'following':
      if (state.rejection !== undefined) {
        return { state: 'serving', reason: `the log refuses writes: ${state.rejection}` }
      }
      return state.noWritesReason === undefined ? { state: 'serving', reason: null } : down(state.noWritesReason)
    case 'down':
      return down(state.lastFailure)
    case 'diverged':
      return { state: 'log diverged', reason: state.reason }
  }
}

const down = (reason: string): Health => ({ state: 'log down', reason })

/** What /readyz says of the state itself. */
export type ReadyState = Pick<Status, 'state' | 'reason' | 'since' | 'lag'>

/**
 * @param maxLagMs how long ago the view may have been in step before a serving node counts as behind, in milliseconds
 */
export function readyStateOf(state: NodeState, at: Moment, maxLagMs: number): ReadyState {
  const inStepAt = caughtUpAt(state)
  const lag = inStepAt === undefined ? null : Math.round(at.now - inStepAt)
  if (state.kind === 'stopped') return { state: 'stopped', reason: state.reason, since: iso(state.since), lag }
  if (state.stopAnnouncedAt !== undefined) {
    return { state: 'draining', reason: 'told to stop', since: iso(state.stopAnnouncedAt), lag }
  }
  const health = healthOf(state)
  if (health.state !== 'serving' || lag === null || lag <= maxLagMs) return { ...health, since: iso(state.since), lag }
  const reason = `has not applied all of the log for ${lag} ms, more than KVS_MAX_LAG`
  return { state: 'behind', reason, since: iso(at.wall - (lag - maxLagMs)), lag }
}

function iso(wall: number): string {
  return new Date(wall).toISOString()
}
