/** A median of rounds, and their range. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Returns undefined if there are no values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  const [min, max] = [sorted[0], sorted.at(-1)]
  if (min === undefined || max === undefined) return undefined
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? max
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? min) + upper) / 2
  return { median, min, max }
}

/**
 * Of each round by itself, since two runs that follow one another have had the same machine. Rounds that one side lacks
 * do not count.
 */
export function ratios(ours: ByRound, theirs: ByRound): Spread | undefined {
  const paired = [...ours].flatMap(([round, value]) => {
    const other = theirs.get(round)
    return other === undefined || other === 0 ? [] : [value / other]
  })
  return spreadOf(paired)
}

export type ByRound = ReadonlyMap<number, number>

/**
 * Nearest rank: the smallest value that at least this share of all does not exceed.
 * @param sorted ascending
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN
  const rank = Math.ceil(share * sorted.length - 1e-9)
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1] ?? Number.NaN
}

export interface Latency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Sums up latencies in the unit of the values, which it sorts in place. */
export function latencyOf(values: Float64Array): Latency {
  values.sort()
  const [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1].map((share) => percentile(values, share))
  const none = Number.NaN
  return { count: values.length, p50: p50 ?? none, p99: p99 ?? none, p999: p999 ?? none, max: max ?? none }
}
