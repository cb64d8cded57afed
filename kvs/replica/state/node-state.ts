/**
 * All states of a node, and all that can happen to it. `transitions.ts` says what leads where, `permissions.ts` what
 * may be done in a state, `health.ts` what /readyz shows of it, and `log-lines.ts` what is logged on the way.
 *
 *   connecting → replaying → draining spool → following ⇄ down → catching up → draining spool → following
 *
 * From each of them the node may come to `diverged` and to `stopped`.
 */
export type NodeState = Connecting | Replaying | CatchingUp | DrainingSpool | Following | Down | Diverged | Stopped

/** The same moment by both clocks, in milliseconds. */
export interface Moment {
  /** Monotonic time; only differences have a meaning. */
  readonly now: number
  /** Wall-clock time since 1970. */
  readonly wall: number
}

interface Running {
  /** Wall-clock time at which the state that /readyz shows was entered, in milliseconds since 1970. */
  readonly since: number
  /** Wall-clock time at which the stop was announced; undefined before that. The node serves on until `stopped`. */
  readonly stopAnnouncedAt: number | undefined
}

interface BeforeReplay extends Running {
  /** Why the log could last not be reached, or was lost; undefined where neither has happened. */
  readonly lastFailure: string | undefined
  /** Description of the last session; undefined before the first. */
  readonly connectedTo: string | undefined
}

interface AfterReplay extends Running {
  /** Monotonic moment as of which the view is known to have all that the log had. */
  readonly caughtUpAt: number
  /** Monotonic moment at which the log was lost; undefined once it takes writes again. */
  readonly downSince: number | undefined
  /** Why the log takes no writes at all, such as a full disk. Undefined again once one has landed, whoever's. */
  readonly noWritesReason: string | undefined
}

/** The node was never in step with the log, and has no session. Keys are unknown, so that nothing can be served. */
export interface Connecting extends BeforeReplay {
  readonly kind: 'connecting'
}

/** A session is open, and the view is being built from the log. */
export interface Replaying extends BeforeReplay {
  readonly kind: 'replaying'
  readonly description: string
  /** Monotonic moment at which the session was opened. */
  readonly openedAt: number
}

/** A session is open again, and what others have appended meanwhile is being read. */
export interface CatchingUp extends AfterReplay {
  readonly kind: 'catching up'
  readonly description: string
  readonly openedAt: number
  readonly lastFailure: string
}

/** The view has all that the log had; the spool, which may be empty, is on its way to the log. */
export interface DrainingSpool extends AfterReplay {
  readonly kind: 'draining spool'
  readonly description: string
  /** Undefined where the log has been there since the start. */
  readonly lastFailure: string | undefined
  /** Spooled writes that were left when this state was last updated. */
  readonly writes: number
}

/** In step with a log that can be asked, with nothing spooled. Writes are appended. */
export interface Following extends AfterReplay {
  readonly kind: 'following'
  readonly description: string
  /** Why the log refused the last batch for what is in it; undefined once one has landed. */
  readonly rejection: string | undefined
}

/** There is no session. Reads go on from the view, and writes are spooled or wait. */
export interface Down extends AfterReplay {
  readonly kind: 'down'
  readonly lastFailure: string
}

/** The log is no continuation of what this node holds. Nothing is written any more until a restart. */
export interface Diverged extends Running {
  readonly kind: 'diverged'
  readonly reason: string
  /** As in the states after the replay; undefined where the node never got so far. */
  readonly caughtUpAt: number | undefined
}

/** The end: no event leads out of it. */
export interface Stopped {
  readonly kind: 'stopped'
  /** Wall-clock time of the stop, in milliseconds since 1970. */
  readonly since: number
  readonly reason: string
  readonly before: Exclude<NodeState, Stopped>
}

/** An event that does not belong to a state leaves it as it is; test/unit/replica/state.test.ts has the whole table. */
export type NodeEvent =
  /** A session is open, after a first try or a later one. */
  | { readonly kind: 'log opened'; readonly description: string }
  /** The view was built: from that many keys of a checkpoint, and entries after it. */
  | { readonly kind: 'replayed'; readonly keys: number; readonly entries: number; readonly spooled: number }
  /** The view has what others had appended before the session was opened. */
  | { readonly kind: 'caught up'; readonly spooled: number }
  /** A batch of the spool has landed, and that many writes are left in it. */
  | { readonly kind: 'batch drained'; readonly left: number }
  /** The spool is empty; that many writes have left it since it last was. */
  | { readonly kind: 'drained'; readonly writes: number }
  /** A batch has landed in the log. */
  | { readonly kind: 'landed' }
  /** Something was committed in the log after the session was opened, by this node or another one, of any kind. */
  | { readonly kind: 'log grew' }
  /** The log refused a batch for what is in it. Others may land. */
  | { readonly kind: 'rejected'; readonly reason: string }
  /** The view has all that the log had at this monotonic moment. */
  | { readonly kind: 'in step'; readonly asOf: number }
  /** The log can't be reached, or the session is over. */
  | { readonly kind: 'log lost'; readonly reason: string; readonly cause: LossCause }
  /** The log is not the one that this node has applied, or was changed by hand. */
  | { readonly kind: 'diverged'; readonly reason: string }
  | { readonly kind: 'stop announced' }
  | { readonly kind: 'stopped' }
  /** The session loop has ended by a defect, or by what only an operator can mend. The process ends next. */
  | { readonly kind: 'failed'; readonly reason: string }

/** `takes no writes` and `rejected` are answers of a log that can be reached. */
export type LossCause = 'unreachable' | 'takes no writes' | 'rejected'

export function initialState({ wall }: Moment): NodeState {
  return { kind: 'connecting', since: wall, stopAnnouncedAt: undefined, lastFailure: undefined, connectedTo: undefined }
}

/** Monotonic moment as of which the view is known to have all that the log had; undefined before the replay. */
export function caughtUpAt(state: NodeState): number | undefined {
  const running = state.kind === 'stopped' ? state.before : state
  return 'caughtUpAt' in running ? running.caughtUpAt : undefined
}

/** Whether the view shows a past of the log, so that keys can be read. */
export function isReplayed(state: NodeState): boolean {
  return caughtUpAt(state) !== undefined
}

/** Whether there is a session, and the log has not said over it that it takes no writes. */
export function isLogUp(state: NodeState): boolean {
  return 'description' in state && noWritesReason(state) === undefined
}

/** Why the log takes no writes, where it has said so and nothing has landed since; undefined elsewhere. */
export function noWritesReason(state: NodeState): string | undefined {
  return 'noWritesReason' in state ? state.noWritesReason : undefined
}

/** Why the log can't be asked, for a request that has waited for it in vain; undefined where it can be. */
export function whyLogIsDown(state: NodeState): string | undefined {
  if (state.kind === 'diverged') return 'the log diverged'
  return 'lastFailure' in state ? state.lastFailure : undefined
}
