import { KvsError } from '../../core/errors.ts'
import type { DigestService } from '../../kv/index.ts'
import type { OwnSite } from '../own-site.ts'
import { type BucketSums, isAlike } from './fingerprint.ts'
import { inSlices, waitUntilSeen } from './steps.ts'
import { makeTurns } from './turns.ts'
import { lookUp, sumUp } from './walk-puts.ts'

/** The digests of this node's view, for itself and for other sites. */
export interface OwnDigests extends DigestService {
  /**
   * Digests of all that the view has at the call, or later. One reading of the view is under way at a time; who asks
   * meanwhile shares the next one. Rejects as `OwnSite.inSlices`.
   */
  sumUp(): Promise<BucketSums>
}

export interface OwnDigestsOptions {
  readonly site: OwnSite
  readonly isRemoved: () => boolean
  /** Aborts when the node is told to stop. */
  readonly stopping: AbortSignal
}

/** Comparisons for other sites that are under way or waiting. Each site has one at a time. */
const mostCompares = 16

export function makeOwnDigests({ site, isRemoved, stopping }: OwnDigestsOptions): OwnDigests {
  let underWay: Promise<unknown> = Promise.resolve()
  /** The reading that is to begin next. */
  let next: Promise<BucketSums> | undefined
  const turns = makeTurns(mostCompares)

  function requireRunning(): void {
    if (stopping.aborted) throw new KvsError('draining')
  }

  /** As for a feed. */
  function requireServing(): void {
    requireRunning()
    site.requireReadable()
    if (isRemoved()) throw new KvsError('removed')
  }

  async function begin(): Promise<BucketSums> {
    await underWay.catch(() => undefined)
    next = undefined
    const reading = inSlices(site, sumUp(site.puts()), requireRunning)
    underWay = reading
    return reading
  }

  function share(): Promise<BucketSums> {
    next ??= begin()
    return next
  }

  return {
    sumUp: share,
    async read(seen) {
      requireServing()
      await waitUntilSeen(site, seen)
      const sums = await share()
      requireServing()
      return sums.texts()
    },
    async compare(seen, fingerprints, requireWanted) {
      requireServing()
      const requireGoingOn = () => {
        requireRunning()
        requireWanted?.()
      }
      return turns.take(
        () => waitUntilSeen(site, seen),
        async () => {
          requireGoingOn()
          const keys = fingerprints.map(({ key }) => key)
          const found = await inSlices(site, lookUp(site.puts(), keys), requireGoingOn)
          requireServing()
          const indices = fingerprints.flatMap((one, index) => (isAlike(one, found[index]) ? [] : [index]))
          // The position is asked for last, so that it covers all that was looked at.
          return { position: site.seen(), indices }
        },
      )
    },
  }
}
