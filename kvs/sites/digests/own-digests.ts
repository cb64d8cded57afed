import { KvsError } from '../../core/errors.ts'
import type { DigestService } from '../../kv/index.ts'
import type { OwnSite } from '../own-site.ts'
import { type BucketSums, isAlike } from './fingerprint.ts'
import { inSlices, waitUntilSeen } from './steps.ts'
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

export function makeOwnDigests({ site, isRemoved, stopping }: OwnDigestsOptions): OwnDigests {
  let underWay: Promise<unknown> = Promise.resolve()
  /** The reading that is to begin next. */
  let next: Promise<BucketSums> | undefined

  /** As for a feed. */
  function requireServing(): void {
    if (stopping.aborted) throw new KvsError('draining')
    site.requireReadable()
    if (isRemoved()) throw new KvsError('removed')
  }

  async function begin(): Promise<BucketSums> {
    await underWay.catch(() => undefined)
    next = undefined
    const reading = inSlices(site, sumUp(site.puts()), stopping)
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
    async compare(seen, fingerprints) {
      requireServing()
      await waitUntilSeen(site, seen)
      const keys = fingerprints.map(({ key }) => key)
      const found = await inSlices(site, lookUp(site.puts(), keys), stopping)
      requireServing()
      const indices = fingerprints.flatMap((one, index) => (isAlike(one, found[index]) ? [] : [index]))
      // The position is asked for last, so that it covers all that was looked at.
      return { position: site.seen(), indices }
    },
  }
}
