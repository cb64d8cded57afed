import { healthOf } from './health.ts'
import {
  type CatchingUp,
  caughtUpAt,
  type Diverged,
  type Down,
  type DrainingSpool,
  type Following,
  type Moment,
  type NodeEvent,
  type NodeState,
  noWritesReason,
  type Replaying,
  type Stopped,
} from './node-state.ts'

type Running = Exclude<NodeState, Stopped>
type EventOf<Kind extends NodeEvent['kind']> = Extract<NodeEvent, { kind: Kind }>

/** State after the event. Pure; returns the state itself where nothing changes. */
export function next(state: NodeState, event: NodeEvent, at: Moment): NodeState {
  if (state.kind === 'stopped') return state
  const after = step(state, event, at)
  if (after === state) return state
  if (after.kind === 'stopped' || healthOf(after).state === healthOf(state).state) return after
  return { ...after, since: at.wall }
}

/** As `next`, but for `since`, which is left as it was. */
function step(state: Running, event: NodeEvent, at: Moment): NodeState {
  switch (event.kind) {
    case 'stop announced':
      return state.stopAnnouncedAt === undefined ? { ...state, stopAnnouncedAt: at.wall } : state
    case 'stopped':
      return { kind: 'stopped', since: at.wall, reason: 'told to stop', before: state }
    case 'failed':
      return { kind: 'stopped', since: at.wall, reason: event.reason, before: state }
    case 'diverged':
      return diverge(state, event)
    case 'log opened':
      return open(state, event, at)
    case 'log lost':
      return lose(state, event, at)
    case 'replayed':
      return state.kind === 'replaying' ? beginDrain(state, event.spooled) : state
    case 'caught up':
      return state.kind === 'catching up' ? beginDrain(state, event.spooled) : state
    case 'batch drained':
      if (state.kind !== 'draining spool') return state
      // A log that took no writes takes them again once the first batch has landed.
      return { ...state, writes: event.left, noWritesReason: undefined }
    case 'drained':
      return state.kind === 'draining spool' ? follow(state, event) : state
    case 'landed':
      return state.kind === 'following' ? takeWrites(state) : state
    case 'log grew':
      return growLog(state)
    case 'rejected':
      return state.kind === 'following' ? { ...state, rejection: event.reason } : state
    case 'in step':
      return state.kind === 'following' ? { ...state, caughtUpAt: event.asOf } : state
  }
}

function diverge(state: Running, { reason }: EventOf<'diverged'>): Diverged {
  if (state.kind === 'diverged') return state
  const { since, stopAnnouncedAt } = state
  return { kind: 'diverged', since, stopAnnouncedAt, reason, caughtUpAt: caughtUpAt(state) }
}

function open(state: Running, { description }: EventOf<'log opened'>, at: Moment): Running {
  if (state.kind === 'connecting') {
    return { ...state, kind: 'replaying', description, connectedTo: description, openedAt: at.now }
  }
  return state.kind === 'down' ? { ...state, kind: 'catching up', description, openedAt: at.now } : state
}

function lose(state: Running, event: EventOf<'log lost'>, at: Moment): Running {
  const { since, stopAnnouncedAt } = state
  const running = { since, stopAnnouncedAt, lastFailure: event.reason }
  switch (state.kind) {
    case 'diverged':
      return state
    case 'connecting':
    case 'replaying':
      return { ...running, kind: 'connecting', connectedTo: state.connectedTo }
    default:
      return { ...running, kind: 'down', ...afterLoss(state, event, at) }
  }
}

function afterLoss(state: CatchingUp | DrainingSpool | Following | Down, event: EventOf<'log lost'>, at: Moment) {
  return {
    caughtUpAt: state.caughtUpAt,
    downSince: state.downSince ?? at.now,
    noWritesReason: event.cause === 'takes no writes' ? event.reason : state.noWritesReason,
  }
}

/** All that the log had when the session was opened is in the view. */
function beginDrain(state: Replaying | CatchingUp, writes: number): DrainingSpool {
  const { since, stopAnnouncedAt, description, lastFailure } = state
  const isFirst = state.kind === 'replaying'
  return {
    kind: 'draining spool',
    ...{ since, stopAnnouncedAt, description, lastFailure, writes },
    caughtUpAt: state.openedAt,
    downSince: isFirst ? undefined : state.downSince,
    noWritesReason: isFirst ? undefined : state.noWritesReason,
  }
}

/** A log that had said that it takes no writes counts as up once one has landed, here or later. */
function follow(state: DrainingSpool, { writes }: EventOf<'drained'>): Following {
  const { since, stopAnnouncedAt, description, caughtUpAt, downSince, noWritesReason } = state
  const following: Following = {
    kind: 'following',
    ...{ since, stopAnnouncedAt, description, caughtUpAt, downSince, noWritesReason },
    rejection: undefined,
  }
  return writes > 0 || noWritesReason === undefined ? takeWrites(following) : following
}

/** A log that took no writes takes them again. What it refused for its content it may refuse still. */
function growLog(state: Running): Running {
  if (noWritesReason(state) === undefined) return state
  if (state.kind === 'following') return { ...takeWrites(state), rejection: state.rejection }
  return state.kind === 'draining spool' ? { ...state, noWritesReason: undefined } : state
}

/** Called for each batch, so that it makes no new state where it need not. */
function takeWrites(state: Following): Following {
  const { downSince, noWritesReason, rejection } = state
  if (downSince === undefined && noWritesReason === undefined && rejection === undefined) return state
  return { ...state, downSince: undefined, noWritesReason: undefined, rejection: undefined }
}
