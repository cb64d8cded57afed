import { type Clock, systemClock } from '../lib/clock.ts'
import { type Histogram, makeHistogram } from '../lib/histogram.ts'

/** Statistics of appends, in plain numbers. */
export interface AppendTally {
  /** Writes in each committed batch. */
  readonly entries: Histogram
  /** Seconds from sending a committed batch to its answer. */
  readonly seconds: Histogram
  /** Batches that the log refused, or whose outcome is unknown. */
  readonly failures: number
  /** Counts a batch once `answer` settles. Returns, and rejects, as that does. */
  count<Result>(entries: number, answer: Promise<Result>): Promise<Result>
}

/** A batch has at most 1,000 writes. */
const entriesBounds = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000]
const secondsBounds = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function makeAppendTally(clock: Clock = systemClock): AppendTally {
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
      const since = clock.now()
      try {
        const result = await answer
        entries.observe(writes)
        seconds.observe((clock.now() - since) / 1_000)
        return result
      } catch (error) {
        failures++
        throw error
      }
    },
  }
}
