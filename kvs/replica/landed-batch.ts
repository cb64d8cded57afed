import type { Entry, LogPoint } from '../core/entry.ts'
import type { LandedBatch, LogSession } from '../log/index.ts'
import type { Progress } from './mirror-progress.ts'

/**
 * Returns the entries that this node has taken over last, where they are what the session's log has right after the
 * view, so that they need not be read. Undefined otherwise.
 * @param head what the session has just said of its log's end; undefined where it was not asked
 */
export async function takeLanded(
  progress: Progress,
  session: LogSession,
  head?: LogPoint,
): Promise<readonly Entry[] | undefined> {
  const { landed, view, batches } = progress
  progress.landed = undefined
  if (landed === undefined || batches.readThrough !== undefined) return undefined
  const { end } = landed
  if (!end.comesAfter(view.position)) return undefined
  // They went over another connection, which a failover may have left at another server.
  const isHead = end.sequence === head?.sequence && end.digest.equals(head.digest)
  return isHead || (await session.holds(end)) ? entriesOf(landed) : undefined
}

function entriesOf({ entries, end }: LandedBatch): Entry[] {
  const { digest, recordedAt } = end
  const before = end.sequence - BigInt(entries.length)
  return entries.map(({ stamp, superseded, origin, write }, index) => {
    const sequence = before + BigInt(index + 1)
    return { sequence, digest, superseded, isOwn: false, recordedAt, stamp, origin, write }
  })
}
