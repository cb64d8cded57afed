import { type Fingerprint, mostFingerprints } from '../../kv/index.ts'
import { unlessAborted } from '../../lib/abort.ts'
import type { OwnSite } from '../own-site.ts'
import type { PeerClient } from '../peer-client.ts'
import { type Choice, type Cursor, choose, cursorAfter } from './choosing.ts'
import { bucketOf, isAlike } from './fingerprint.ts'
import type { OwnDigests } from './own-digests.ts'
import { inSlices, waitUntilSeen } from './steps.ts'
import { type Collected, collect, lookUp } from './walk-puts.ts'

export interface ComparisonParts {
  readonly site: OwnSite
  readonly own: OwnDigests
  /** Most keys that one comparison looks into, beside those that are known to differ. The default is 10,000. */
  readonly mostKeys?: number
}

/** What earlier comparisons with the same site left. */
export interface Earlier {
  /** Some of the keys that differed, by their buckets. */
  readonly known: ReadonlyMap<number, readonly string[]>
  readonly from: Cursor
}

/** What a comparison with another site came to. */
export interface Compared {
  /** Buckets whose digests differ. That alone says nothing: some always do while clients write. */
  readonly unequal: ReadonlySet<number>
  /** Those of them of which every key was compared. */
  readonly whole: ReadonlySet<number>
  /** Keys that the sites have different values of, though each has all that the other one had; with their buckets. */
  readonly differing: readonly { readonly key: string; readonly bucket: number }[]
  /** Keys known to have differed that do so no more, or have no value here. */
  readonly alike: ReadonlySet<string>
  /** Where the next comparison begins. */
  readonly next: Cursor
}

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
  { site, own, mostKeys = 10_000 }: ComparisonParts,
  client: PeerClient,
  { known, from }: Earlier,
  signal: AbortSignal,
): Promise<Compared> {
  site.requireReadable()
  // At the same time, so that little is written between the two readings.
  const both = Promise.all([own.sumUp(), client.askDigests(site.seen(), signal)])
  const [sums, theirs] = await unlessGone(both, signal)
  const unequal = sums.texts().flatMap((digest, bucket) => (digest === theirs[bucket] ? [] : [bucket]))
  const choice = choose(unequal, sums.countIn, known, from, mostKeys)
  const knownKeys = unequal.flatMap((bucket) => (choice.again.has(bucket) ? [] : (known.get(bucket) ?? [])))
  const { fingerprints, whole, next } = await collectAll(site, { choice, knownKeys, from, mostKeys }, signal)
  const differing: Compared['differing'][number][] = []
  for (let at = 0; at < fingerprints.length; at += mostFingerprints) {
    differing.push(...(await differingOf(site, client, fingerprints.slice(at, at + mostFingerprints), signal)))
  }
  const keys = new Set(differing.map(({ key }) => key))
  const alike = new Set(knownKeys.filter((key) => !keys.has(key)))
  return { unequal: new Set(unequal), whole, differing, alike, next }
}

interface Wanted {
  readonly choice: Choice
  readonly knownKeys: readonly string[]
  readonly from: Cursor
  readonly mostKeys: number
}

interface AllCollected extends Pick<Compared, 'whole' | 'next'> {
  readonly fingerprints: Collected['fingerprints']
}

/** Finds what is to be compared: keys that differed before, then those of the buckets that were chosen; each once. */
async function collectAll(
  site: OwnSite,
  { choice, knownKeys, from, mostKeys }: Wanted,
  signal: AbortSignal,
): Promise<AllCollected> {
  const requireWanted = () => signal.throwIfAborted()
  const collectIn = (buckets: ReadonlySet<number>, segment: number, most: number) =>
    inSlices(site, collect(site.puts(), buckets, segment, most), requireWanted)
  const { again, inTurn, segment } = choice
  const held = (await inSlices(site, lookUp(site.puts(), knownKeys), requireWanted)).flatMap((one) =>
    one ? [{ ...one, bucket: bucketOf(Buffer.from(one.key)) }] : [],
  )
  const nothing: Collected = { fingerprints: [], stoppedIn: undefined }
  const first = again.size === 0 ? nothing : await collectIn(again, 0, mostKeys)
  const room = mostKeys - first.fingerprints.length
  const second = inTurn.length === 0 ? nothing : await collectIn(new Set(inTurn), segment, room)
  const all = [...held, ...first.fingerprints, ...second.fingerprints]
  return {
    fingerprints: [...new Map(all.map((one) => [one.key, one])).values()],
    whole: new Set([
      ...(first.stoppedIn === undefined ? again : []),
      ...(second.stoppedIn === undefined && segment === 0 ? inTurn : []),
    ]),
    next: cursorAfter(choice, from, second.stoppedIn),
  }
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
  const now = await inSlices(site, lookUp(site.puts(), keys), () => signal.throwIfAborted())
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
