import type { RingOperation } from './ring-history.ts'

export interface Wait {
  readonly seconds: number
  readonly key: string
  /** When it began, in milliseconds since the drill began. */
  readonly from: number
}

/** An answer by which a client can go on: the key was written or read, or a condition was decided. */
const isAnswered = ({ outcome, status }: RingOperation) => outcome === 'ok' || status === 412

/**
 * The longest time in which somebody asked for a key in vain: from a request for it to the next answer that anybody got
 * for it. Undefined where nobody asked for anything; what was not answered up to the end counts up to that.
 */
export function longestWait(operations: readonly RingOperation[]): Wait | undefined {
  let longest: Wait | undefined
  for (const [key, ofKey] of Map.groupBy(operations, (operation) => operation.key)) {
    const answers = ofKey.filter(isAnswered).map(({ returned }) => returned)
    const end = ofKey.reduce((last, { returned }) => Math.max(last, returned), 0)
    answers.push(end)
    answers.sort((one, other) => one - other)
    let next = 0
    for (const { invoked } of ofKey.toSorted((one, other) => one.invoked - other.invoked)) {
      while ((answers[next] ?? end) < invoked) next++
      const seconds = ((answers[next] ?? end) - invoked) / 1000
      if (seconds > (longest?.seconds ?? -1)) longest = { seconds, key, from: invoked }
    }
  }
  return longest
}
