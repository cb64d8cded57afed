import { KvsError } from '../core/errors.ts'
import { type Clock, systemClock } from '../lib/clock.ts'

/** Requests that wait until the view has applied the log up to some sequence. */
export interface PositionWaits {
  /** Resolves once the view has applied this sequence. Rejects with `behind` after the timeout. */
  untilApplied(sequence: bigint): Promise<void>
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
  /** Called for each request that begins to wait: the log should be read at once. */
  readonly onWait: () => void
  /** Why the log is down; undefined where it is not. */
  readonly whyDown: () => string | undefined
  readonly clock?: Clock
}

interface Wait {
  /** Undefined as long as the log was not asked. */
  sequence: bigint | undefined
  readonly isForHead: boolean
  readonly resolve: () => void
  readonly reject: (error: KvsError) => void
}

export function makePositionWaits(options: PositionWaitsOptions): PositionWaits {
  const { timeoutMs, onWait, whyDown, clock = systemClock } = options
  const waiting = new Set<Wait>()

  function wait(sequence: bigint | undefined, late: () => KvsError): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const one: Wait = { sequence, isForHead: sequence === undefined, resolve: end(resolve), reject: end(reject) }
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
    untilApplied: (sequence) => wait(sequence, () => new KvsError('behind', behindMessage(whyDown()))),
    untilHeadApplied: () =>
      wait(undefined, () => new KvsError('log_down', 'the log does not answer; nothing was done')),

    get needsHead() {
      for (const { sequence } of waiting) if (sequence === undefined) return true
      return false
    },

    beginQuestion() {
      if (waiting.size === 0) return () => undefined
      const asking = [...waiting].filter(({ sequence }) => sequence === undefined)
      return (head) => {
        for (const one of asking) one.sequence = head
      }
    },

    advance(to) {
      for (const one of waiting) if (one.sequence !== undefined && one.sequence <= to) one.resolve()
    },

    rejectHeadWaits(reason) {
      for (const one of waiting) {
        if (one.isForHead) one.reject(new KvsError('log_down', `the log can’t be asked: ${reason}`))
      }
    },

    abandon(error) {
      for (const one of waiting) one.reject(error)
    },
  }
}

/** Undefined for the catalogue's own sentence. */
function behindMessage(whyDown: string | undefined): string | undefined {
  if (whyDown === undefined) return undefined
  return `this node has not applied KVS-Min-Position, and the log is down; nothing was done: ${whyDown}`
}
