import { KvsError } from '../../core/errors.ts'

/** Gives one caller at a time its turn. */
export interface Turns {
  /**
   * Does `work` once all that came before is over. `prepare` is done at once, beside others. Rejects as they do, and
   * with `overloaded` where too many are under way or waiting.
   */
  take<T>(prepare: () => Promise<void>, work: () => Promise<T>): Promise<T>
}

/** @param most callers that are under way or waiting */
export function makeTurns(most: number): Turns {
  let last: Promise<unknown> = Promise.resolve()
  let count = 0

  return {
    async take(prepare, work) {
      if (count >= most) {
        throw new KvsError('overloaded', `${most} comparisons of values are waiting already; nothing was compared`)
      }
      count++
      try {
        await prepare()
        const turn = last.then(work)
        last = turn.catch(() => undefined)
        return await turn
      } finally {
        count--
      }
    },
  }
}
