import { bucketCount, type Fingerprint, mostFingerprints } from '../../kv/index.ts'
import { unlessAborted } from '../../lib/abort.ts'
import type { Random } from '../../lib/random.ts'
import type { OwnSite } from '../own-site.ts'
import type { PeerClient } from '../peer-client.ts'
import { isAlike } from './fingerprint.ts'
import type { OwnDigests } from './own-digests.ts'
import { inSlices, waitUntilSeen } from './steps.ts'
import { type Collected, collect, lookUp } from './walk-puts.ts'

export interface ComparisonParts {
  readonly site: OwnSite
  readonly own: OwnDigests
  readonly random: Random
}

/** What a comparison with another site came to. */
export interface Compared {
  /** Buckets whose digests differ. That alone says nothing: some always do while clients write. */
  readonly unequal: ReadonlySet<number>
  /** Those of them of which every key was compared. */
  readonly whole: ReadonlySet<number>
  /** Keys that the sites have different values of, though each has all that the other one had; with their buckets. */
  readonly differing: readonly { readonly key: string; readonly bucket: number }[]
}

/** Most buckets and keys that one comparison looks into; what is left has its turn at another one. */
const mostBuckets = 64
const mostKeys = 10_000

/**
 * Compares this site's view with that of another one, by what is behind `client`.
 *
 * A key differs for sure by this rule. This site had its value at a position A. The other one, at a position B that
 * covers A, has something else, or nothing. And this site, once it has B, still has the same value. Without a fault
 * that can't be: at A or later the other site has this value or a newer entry of the key, and at B or later this site
 * has that one as well. What is under way between the sites is cleared by one of the two waits.
 *
 * Rejects where the signal aborts, where the other site can't be asked, and with `behind` where one does not get to the
 * position of the other within its wait timeout.
 */
export async function compareWith(
  { site, own, random }: ComparisonParts,
  client: PeerClient,
  signal: AbortSignal,
): Promise<Compared> {
  site.requireReadable()
  const sums = await unlessGone(own.sumUp(), signal)
  const theirs = await unlessGone(client.askDigests(site.seen(), signal), signal)
  const unequal = sums.texts().flatMap((digest, bucket) => (digest === theirs[bucket] ? [] : [bucket]))
  const chosen = choose(unequal, sums.countIn, random)
  const { segments } = site.puts()
  const from = Math.floor(random.fraction() * segments)
  const { fingerprints, isWhole } = await inSlices(site, collect(site.puts(), chosen, from, mostKeys), signal)
  const differing: Compared['differing'][number][] = []
  for (let at = 0; at < fingerprints.length; at += mostFingerprints) {
    differing.push(...(await differingOf(site, client, fingerprints.slice(at, at + mostFingerprints), signal)))
  }
  return { unequal: new Set(unequal), whole: isWhole ? chosen : new Set(), differing }
}

/** Some of the buckets, beginning anywhere, so that all have their turn. */
function choose(unequal: readonly number[], countIn: (bucket: number) => number, random: Random): ReadonlySet<number> {
  const chosen = new Set<number>()
  const from = Math.floor(random.fraction() * bucketCount)
  const first = Math.max(
    unequal.findIndex((bucket) => bucket >= from),
    0,
  )
  let keys = 0
  for (const bucket of [...unequal.slice(first), ...unequal.slice(0, first)]) {
    keys += countIn(bucket)
    if (chosen.size > 0 && (chosen.size >= mostBuckets || keys > mostKeys)) break
    chosen.add(bucket)
  }
  return chosen
}

async function differingOf(
  site: OwnSite,
  client: PeerClient,
  had: Collected['fingerprints'],
  signal: AbortSignal,
): Promise<Compared['differing']> {
  // It covers all that was collected.
  const { position, indices } = await unlessGone(client.askUnlike(site.seen(), had, signal), signal)
  if (indices.length === 0) return []
  await unlessGone(waitUntilSeen(site, position), signal)
  site.requireReadable()
  const unlike = indices.flatMap((index) => had[index] ?? [])
  const keys = unlike.map(({ key }: Fingerprint) => key)
  const now = await inSlices(site, lookUp(site.puts(), keys), signal)
  return unlike.filter((one, index) => isAlike(one, now[index])).map(({ key, bucket }) => ({ key, bucket }))
}

/** Rejects as soon as the signal aborts. */
async function unlessGone<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const result = await unlessAborted(
    promise.then((value) => ({ value })),
    signal,
  )
  if (result === undefined) throw signal.reason
  return result.value
}
