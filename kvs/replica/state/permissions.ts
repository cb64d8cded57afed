import { KvsError } from '../../core/errors.ts'
import { healthOf } from './health.ts'
import { isReplayed, type NodeState } from './node-state.ts'

/** What clients and the loop itself may do beside the session loop. */
export interface Permissions {
  readonly reads: Permission
  /** Writes without a precondition or an Idempotency-Key: they may wait, or be spooled. */
  readonly plainWrites: Permission
  readonly conditionalWrites: Permission
  /** Waits for all that was committed anywhere before the request came. */
  readonly headWaits: Permission
  /** Whether what waits in the queue may go to the spool. */
  readonly spooling: Permission
}

/** `yes`, or why not; `if replayed` is `yes` after a replay and else `not ready`. */
export type Permission = 'yes' | 'if replayed' | 'not ready' | 'log down' | 'log up' | 'diverged' | 'stopped'

export const permissions: Readonly<Record<NodeState['kind'], Permissions>> = {
  connecting: {
    ...{ reads: 'not ready', plainWrites: 'not ready', conditionalWrites: 'not ready', headWaits: 'not ready' },
    spooling: 'not ready',
  },
  replaying: {
    ...{ reads: 'not ready', plainWrites: 'not ready', conditionalWrites: 'not ready', headWaits: 'not ready' },
    spooling: 'not ready',
  },
  'catching up': {
    ...{ reads: 'yes', plainWrites: 'yes', conditionalWrites: 'log down', headWaits: 'log down' },
    spooling: 'yes',
  },
  'draining spool': {
    ...{ reads: 'yes', plainWrites: 'yes', conditionalWrites: 'log down', headWaits: 'log down' },
    spooling: 'yes',
  },
  following: {
    ...{ reads: 'yes', plainWrites: 'yes', conditionalWrites: 'yes', headWaits: 'yes' },
    spooling: 'log up',
  },
  down: {
    ...{ reads: 'yes', plainWrites: 'yes', conditionalWrites: 'log down', headWaits: 'log down' },
    spooling: 'yes',
  },
  diverged: {
    ...{ reads: 'if replayed', plainWrites: 'diverged', conditionalWrites: 'diverged', headWaits: 'log down' },
    spooling: 'diverged',
  },
  stopped: {
    ...{ reads: 'if replayed', plainWrites: 'stopped', conditionalWrites: 'stopped', headWaits: 'stopped' },
    spooling: 'if replayed',
  },
}

export function may(state: NodeState, deed: keyof Permissions): boolean {
  const permission = permissions[state.kind][deed]
  return permission === 'yes' || (permission === 'if replayed' && isReplayed(state))
}

/** Error for a client that may not do this in this state; undefined where it may. */
export function refusalOf(state: NodeState, deed: Exclude<keyof Permissions, 'spooling'>): KvsError | undefined {
  const permission = permissions[state.kind][deed]
  if (permission === 'yes') return undefined
  const isReading = deed === 'reads' || deed === 'headWaits'
  if (isReading && !isReplayed(state)) return notReady(state)
  switch (permission) {
    case 'if replayed':
      return undefined
    case 'stopped':
      return new KvsError('draining')
    case 'diverged':
      return new KvsError('not_stored', `the log diverged; nothing was stored: ${healthBehind(state).reason}`)
    case 'not ready':
      return notReady(state)
    default: {
      const message = `this needs the log, which is down; nothing was done: ${healthBehind(state).reason}`
      return new KvsError('log_down', message)
    }
  }
}

/**
 * Error for a site that would follow the log or be followed into it; undefined where it may. What a node shows of a log
 * that diverged is not in that log any more.
 */
export function refusalToSites(state: NodeState): KvsError | undefined {
  return state.kind === 'diverged' ? notReady(state) : refusalOf(state, 'reads')
}

function notReady(state: NodeState): KvsError {
  const health = healthBehind(state)
  return new KvsError('not_ready', `the node is ${health.state}: ${health.reason}`)
}

function healthBehind(state: NodeState) {
  return healthOf(state.kind === 'stopped' ? state.before : state)
}
