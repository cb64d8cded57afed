import { KvsError } from '../../core/errors.ts'
import { type Position, sequenceIn } from '../../core/position.ts'
import type { OwnSite } from '../own-site.ts'

/**
 * Does work in slices. Resolves with what it returns. Rejects as `OwnSite.inSlices`.
 * @param requireWanted is called before each step, and ends the work where it throws
 */
export async function inSlices<T>(site: OwnSite, work: Generator<void, T>, requireWanted: () => void): Promise<T> {
  const returned: T[] = []
  function* steps(): Generator<void, void> {
    for (;;) {
      requireWanted()
      const step = work.next()
      if (step.done) {
        returned.push(step.value)
        return
      }
      yield
    }
  }
  await site.inSlices(steps())
  return returned[0] as T
}

/**
 * Resolves once the view has the position. Unlike a client, a comparison can do with nothing less, also where the site
 * was taken out of its group. Rejects with `behind` after the wait timeout.
 */
export async function waitUntilSeen(site: OwnSite, position: Position): Promise<void> {
  await site.waitFor(position)
  const seen = site.seen()
  for (const [logId, sequence] of position.sequences) {
    if (sequence > sequenceIn(seen, logId)) throw new KvsError('behind')
  }
}
