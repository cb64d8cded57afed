import { KvsError } from '../core/errors.ts'
import type { Position } from '../core/position.ts'
import { type Clock, systemClock } from '../lib/clock.ts'

/** Requests that wait until the view has a position, or has applied the log up to its head. */
export interface PositionWaits {
  /** Resolves once the view has this position. Rejects with `behind` after the timeout. */
  untilSeen(position: Position): Promise<void>
  /**
   * Resolves once the view has applied all that was committed anywhere before this call. Rejects with `log_down` where
   * the log can't be asked, or gives no answer within the timeout.
   */
  untilHeadApplied(): Promise<void>
  /** Whether anybody waits for the head for whom the log has not been asked yet. */
  readonly needsHead: boolean
  /**
   * Call it before asking the log, and give the answer to what it returns. Only those who waited at the call get it.
   */
  beginQuestion(): (head: bigint) => void
  /** The view has applied the log up to here. */
  advance(sequence: bigint): void
  /** Rejects those who wait for the head. Who waits for a position goes on until the timeout. */
  rejectHeadWaits(reason: string): void
  /** Rejects all. */
  abandon(error: KvsError): void
}

export interface PositionWaitsOptions {
  /** How long a request may wait, in milliseconds. */
  readonly timeoutMs: number
  /** Whether the view has a position by now. */
  readonly hasSeen: (position: Position) => boolean
  /** Called for each request that begins to wait: the log should be read at once. */
  readonly onWait: () => void
  /** Called whenever the view has applied more of the log. */
  readonly onAdvance?: (() => void) | undefined
  /** Why the log is down; undefined where it is not. */
  readonly whyDown: () => string | undefined
  readonly clock?: Clock
}

interface Wait {
  /** Undefined for who waits for the head. */
  readonly position: Position | undefined
  /** The head; undefined as long as the log was not asked. */
  head: bigint | undefined
  readonly resolve: () => void
  readonly reject: (error: KvsError) => void
}

export function makePositionWaits(options: PositionWaitsOptions): PositionWaits {
  const { timeoutMs, hasSeen, onWait, onAdvance, whyDown, clock = systemClock } = options
  const waiting = new Set<Wait>()

  function wait(position: Position | undefined, late: () => KvsError): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const one: Wait = { position, head: undefined, resolve: end(resolve), reject: end(reject) }
      const timer = clock.after(timeoutMs, () => one.reject(late()))
      waiting.add(one)
      onWait()

      function end<Result>(settle: (result: Result) => void): (result: Result) => void {
        return (result) => {
          timer.cancel()
          waiting.delete(one)
          settle(result)
        }
      }
    })
  }

  return {
    untilSeen: (position) => wait(position, () => behindError(whyDown())),
    untilHeadApplied: () =>
      wait(undefined, () => new KvsError('log_down', 'the log does not answer; nothing was done')),

    get needsHead() {
      for (const one of waiting) if (isUnasked(one)) return true
      return false
    },

    beginQuestion() {
      if (waiting.size === 0) return () => undefined
      const asking = [...waiting].filter(isUnasked)
      return (head) => {
        for (const one of asking) one.head = head
      }
    },

    advance(to) {
      for (const one of waiting) {
        const { position, head } = one
        if (position === undefined ? head !== undefined && head <= to : hasSeen(position)) one.resolve()
      }
      onAdvance?.()
    },

    rejectHeadWaits(reason) {
      for (const one of waiting) {
        if (one.position === undefined) one.reject(new KvsError('log_down', `the log can’t be asked: ${reason}`))
      }
    },

    abandon(error) {
      for (const one of waiting) one.reject(error)
    },
  }
}

function isUnasked({ position, head }: Wait): boolean {
  return position === undefined && head === undefined
}

/** @param whyDown why the log is down; undefined where it is not */
function behindError(whyDown: string | undefined): KvsError {
  if (whyDown === undefined) return new KvsError('behind')
  const message = `this node has not applied KVS-Min-Position, and the log is down; nothing was done: ${whyDown}`
  return new KvsError('behind', message)
}
