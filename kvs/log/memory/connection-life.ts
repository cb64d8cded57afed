import type { Clock } from '../../lib/clock.ts'

/** From when a connection is tried until it is gone, as its node knows it. */
export interface ConnectionLife {
  /** Why the connection is gone; undefined as long as it lives. */
  readonly loss: Error | undefined
  /** Settles with the loss. Never rejects. */
  readonly lost: Promise<Error>
  /** Only the first reason counts. */
  end(reason: Error): void
  /** Rejects with the loss, which comes about where the answer is not there after `ms` milliseconds. */
  bound<Result>(answer: Promise<Result>, ms: number): Promise<Result>
}

/** @param onEnd called once, when the connection is gone */
export function makeConnectionLife(clock: Clock, onEnd: () => void): ConnectionLife {
  const ended = Promise.withResolvers<Error>()
  const waiting = new Set<(reason: Error) => void>()
  let loss: Error | undefined

  function end(reason: Error): void {
    if (loss !== undefined) return
    loss = reason
    ended.resolve(reason)
    for (const reject of waiting) reject(reason)
    onEnd()
  }

  return {
    get loss() {
      return loss
    },
    lost: ended.promise,
    end,
    async bound(answer, ms) {
      const failure = Promise.withResolvers<never>()
      waiting.add(failure.reject)
      if (loss !== undefined) failure.reject(loss)
      const timer = clock.after(ms, () => end(new Error('no answer came in time')))
      try {
        return await Promise.race([failure.promise, answer])
      } finally {
        timer.cancel()
        waiting.delete(failure.reject)
      }
    },
  }
}
