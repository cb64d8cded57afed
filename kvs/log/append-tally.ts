import { type Histogram, makeHistogram } from '../lib/histogram.ts'

/** What appending to the log takes, in plain numbers. */
export interface AppendTally {
  /** Writes in each batch that has been committed. */
  readonly entries: Histogram
  /** What each of these took, from its sending to its answer. */
  readonly seconds: Histogram
  /** Batches that the log has refused, or of which it is not known what became. */
  readonly failures: number
  /** Counts a batch once its answer is there. Rejects as that does. */
  count<Result>(entries: number, answer: Promise<Result>): Promise<Result>
}

/** A batch has 1,000 writes at the most. */
const entriesBounds = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000]
const secondsBounds = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function makeAppendTally(): AppendTally {
  const entries = makeHistogram(entriesBounds)
  const seconds = makeHistogram(secondsBounds)
  let failures = 0

  return {
    entries,
    seconds,
    get failures() {
      return failures
    },
    async count(writes, answer) {
      const since = performance.now()
      try {
        const result = await answer
        entries.observe(writes)
        seconds.observe((performance.now() - since) / 1_000)
        return result
      } catch (error) {
        failures++
        throw error
      }
    },
  }
}
