/** Counts how many measured values fell into each range. It is plain counters, cheap enough for every request. */
export interface Histogram {
  /** Upper bounds of the ranges, each inclusive, in rising order. */
  readonly bounds: readonly number[]
  /** Values in each range alone, not in those below it. The last range has what is above all bounds. */
  readonly counts: Readonly<Float64Array>
  /** Sum of all values. */
  readonly sum: number
  observe(value: number): void
}

export function makeHistogram(bounds: readonly number[]): Histogram {
  const uppers = Float64Array.from(bounds)
  const counts = new Float64Array(bounds.length + 1)
  let sum = 0

  return {
    bounds,
    counts,
    get sum() {
      return sum
    },
    observe(value) {
      let at = 0
      while (at < uppers.length && value > (uppers[at] as number)) at++
      counts[at] = (counts[at] as number) + 1
      sum += value
    },
  }
}
