import { bucketCount } from '../../kv/index.ts'

/** Most buckets that one comparison looks into; what is left has its turn at another one. */
const mostBuckets = 64

/** Where a comparison begins among the buckets, and among the segments of the view where a bucket was left halfway. */
export interface Cursor {
  readonly bucket: number
  readonly segment: number
}

export interface Choice {
  /** Buckets in which keys differed before: they are looked into at each comparison, so that a finding can end. */
  readonly again: ReadonlySet<number>
  /** The buckets whose turn it is: some with few keys, or a single one, from the cursor's segment on. */
  readonly inTurn: readonly number[]
  readonly segment: number
}

/**
 * Chooses among the buckets whose digests differ. Half of the bounds is for those in which keys differed before, so
 * that the turn comes to all others as well.
 * @param unequal in order
 */
export function choose(
  unequal: readonly number[],
  countIn: (bucket: number) => number,
  known: ReadonlyMap<number, unknown>,
  from: Cursor,
  mostKeys: number,
): Choice {
  const first = unequal.findIndex((bucket) => bucket >= from.bucket)
  const inOrder = first < 0 ? unequal : [...unequal.slice(first), ...unequal.slice(0, first)]
  const again = new Set<number>()
  let keys = 0
  for (const bucket of inOrder) {
    if (again.size >= mostBuckets / 2) break
    if (!known.has(bucket) || keys + countIn(bucket) > mostKeys / 2) continue
    keys += countIn(bucket)
    again.add(bucket)
  }
  const others = inOrder.filter((bucket) => !again.has(bucket))
  if (from.segment > 0 && others[0] === from.bucket) return { again, inTurn: [from.bucket], segment: from.segment }
  const inTurn: number[] = []
  for (const bucket of others) {
    keys += countIn(bucket)
    if (inTurn.length > 0 && (again.size + inTurn.length >= mostBuckets || keys > mostKeys)) break
    inTurn.push(bucket)
  }
  return { again, inTurn, segment: 0 }
}

/** Where the next comparison begins. @param stoppedIn as in `Collected`, of the buckets whose turn it was */
export function cursorAfter({ inTurn, segment }: Choice, from: Cursor, stoppedIn: number | undefined): Cursor {
  const [first, last] = [inTurn[0], inTurn.at(-1)]
  if (first === undefined || last === undefined) return from
  if (stoppedIn === undefined) return { bucket: (last + 1) % bucketCount, segment: 0 }
  // A bucket that has grown meanwhile is tried again with fewer others.
  if (inTurn.length > 1) return { bucket: first, segment: 0 }
  return { bucket: first, segment: Math.max(stoppedIn, segment + 1) }
}
