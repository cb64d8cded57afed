import type { Entry } from '../core/entry.ts'
import type { LandedBatch } from '../log/index.ts'
import type { Progress } from './mirror-progress.ts'

/**
 * Returns the entries that this node has taken over last, where they are what the log has right after the view, so that
 * they need not be read. Undefined otherwise.
 */
export function takeLanded(progress: Progress): readonly Entry[] | undefined {
  const { landed, view, batches } = progress
  progress.landed = undefined
  if (landed === undefined || batches.readThrough !== undefined) return undefined
  return landed.end.comesAfter(view.position) ? entriesOf(landed) : undefined
}

function entriesOf({ entries, end }: LandedBatch): Entry[] {
  const { digest, recordedAt } = end
  const before = end.sequence - BigInt(entries.length)
  return entries.map(({ stamp, superseded, origin, write }, index) => {
    const sequence = before + BigInt(index + 1)
    return { sequence, digest, superseded, isOwn: false, recordedAt, stamp, origin, write }
  })
}
