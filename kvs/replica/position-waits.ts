import { KvsError } from '../core/errors.ts'
import { type Clock, systemClock } from '../lib/clock.ts'

/** Requests that wait for the view to get somewhere. */
export interface Waits {
  /** Resolves once the view has applied this sequence. Rejects with `behind` where that is not so within the timeout. */
  reach(sequence: bigint): Promise<void>
  /**
   * Resolves once the view has applied all that was committed anywhere before this was called. Rejects with `log_down`
   * where the log can't be asked, or gives no answer within the timeout.
   */
  reachHead(): Promise<void>
  /** Whether the log is to be asked for its head, for the sake of those who wait for that. */
  readonly isAsked: boolean
  /** Before the log is asked. What comes back is to be given its answer, and concerns only those who wait already. */
  question(): (head: bigint) => void
  /** The view has applied the log up to here. */
  advanced(sequence: bigint): void
  /** Rejects those who wait for the head. Who waits for a position is told, once that has taken too long. */
  logIsDown(reason: string): void
  logIsUp(): void
  /** Rejects all. */
  abandon(error: KvsError): void
}

interface Wait {
  /** Undefined as long as the log has not been asked. */
  sequence: bigint | undefined
  readonly isForHead: boolean
  readonly resolve: () => void
  readonly reject: (error: KvsError) => void
}

/**
 * @param timeoutMs how long one may wait
 * @param onWait called when there is one more, for whom the log should be read at once
 */
export function makeWaits(timeoutMs: number, onWait: () => void, clock: Clock = systemClock): Waits {
  const waiting = new Set<Wait>()
  /** Why the log is down; undefined where it is not. */
  let reason: string | undefined

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
    reach: (sequence) => wait(sequence, () => new KvsError('behind', behind(reason))),
    reachHead: () => wait(undefined, () => new KvsError('log_down', 'the log does not answer; nothing was done')),

    get isAsked() {
      for (const { sequence } of waiting) if (sequence === undefined) return true
      return false
    },

    question() {
      if (waiting.size === 0) return () => undefined
      const asking = [...waiting].filter(({ sequence }) => sequence === undefined)
      return (head) => {
        for (const one of asking) one.sequence = head
      }
    },

    advanced(to) {
      for (const one of waiting) if (one.sequence !== undefined && one.sequence <= to) one.resolve()
    },

    logIsUp() {
      reason = undefined
    },

    abandon(error) {
      for (const one of waiting) one.reject(error)
    },

    logIsDown(why) {
      reason = why
      for (const one of waiting) {
        if (one.isForHead) one.reject(new KvsError('log_down', `the log can’t be asked: ${why}`))
      }
    },
  }
}

function behind(reason: string | undefined): string | undefined {
  if (reason === undefined) return undefined
  return `this node has not applied KVS-Min-Position, and the log is down; nothing was done: ${reason}`
}
