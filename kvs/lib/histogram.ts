/** How often a measured value was in which range: plain counters, cheap enough for each request. */
export interface Histogram {
  /** Upper bounds of the ranges, each inclusive, rising. */
  readonly bounds: readonly number[]
  /** For each bound, and last for what is above them all: how many values were in this range alone. */
  readonly counts: Readonly<Float64Array>
  /** Of all values. */
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
