import type { KeyRange } from '../../kvs/core/key-range.ts'
import type { Kv } from '../../kvs/kv/index.ts'
import type { SeededRandom } from '../lab/seeded-random.ts'

/** What a lister asks a node for. */
export interface ListQuery {
  readonly kind: 'keys' | 'values' | 'count'
  /** The first key, which need not exist; empty for all. */
  readonly from: string
  /** The key that ends the range; undefined for no end. */
  readonly to: string | undefined
  readonly limit: number | undefined
  readonly delimiter: string | undefined
  readonly isConsistent: boolean
}

/** What the list showed. A count shows no names. */
export interface ListAnswer {
  readonly position: string
  readonly names: readonly string[]
  readonly hasMore: boolean
  readonly count: number
}

const most = 3

export function drawQuery(random: SeededRandom, keys: readonly string[]): ListQuery {
  const kind = random.pick(['keys', 'keys', 'keys', 'values', 'count'] as const)
  const isPart = random.chance(0.4)
  const [from = '', to] = [random.pick(keys), random.pick(keys)].toSorted()
  const hasLimit = kind === 'values' || (kind === 'keys' && random.chance(0.4))
  return {
    kind,
    from: isPart ? from : '',
    to: isPart && to !== from ? to : undefined,
    limit: hasLimit ? random.integer(1, 4) : undefined,
    delimiter: kind === 'keys' && random.chance(0.2) ? '-' : undefined,
    isConsistent: random.chance(0.2),
  }
}

/** Asks a node. Rejects as the node does. */
export async function askList(kv: Kv, query: ListQuery): Promise<ListAnswer> {
  const { kind, limit, delimiter, isConsistent } = query
  if (isConsistent) await kv.waitForHead()
  const ranges = [rangeOf(query)]
  if (kind === 'count') return { names: [], hasMore: false, ...(await kv.countKeys(ranges)) }
  if (kind === 'values') {
    const { position, items, last } = await kv.listValues({ ranges, limit: limit ?? most, maxBytes: 1_000_000 })
    return { position, names: items.map(({ key }) => key), hasMore: last !== undefined, count: items.length }
  }
  const text = delimiter === undefined ? undefined : Buffer.from(delimiter)
  const listing = await kv.listKeys({ ranges, limit, delimiter: text && { text, after: 0 } })
  const names: string[] = []
  for (let taken = listing.take(most); taken.length > 0; taken = listing.take(most)) names.push(...taken.map(String))
  const { position, hasMore } = listing
  listing.close()
  return { position, names, hasMore, count: names.length }
}

function rangeOf({ from, to }: ListQuery): KeyRange {
  return { from: Buffer.from(from), to: to === undefined ? undefined : Buffer.from(to) }
}

/** What the list is to show where these are all keys that have a value. */
export function expectedAnswer(keys: readonly string[], query: ListQuery): Omit<ListAnswer, 'position'> {
  const { kind, from, to, limit = Number.POSITIVE_INFINITY, delimiter } = query
  const within = keys.filter((key) => key >= from && (to === undefined || key < to)).toSorted()
  const names = [...new Set(within.map((key) => nameOf(key, delimiter)))]
  if (kind === 'count') return { names: [], hasMore: false, count: names.length }
  const shown = names.slice(0, limit)
  return { names: shown, hasMore: names.length > limit, count: shown.length }
}

function nameOf(key: string, delimiter: string | undefined): string {
  const at = delimiter === undefined ? -1 : key.indexOf(delimiter)
  return at < 0 ? key : key.slice(0, at + 1)
}

/** How an answer differs from the one that is right, in a few words; undefined where it does not. */
export function differenceOf(answer: ListAnswer, right: Omit<ListAnswer, 'position'>): string | undefined {
  const missing = right.names.find((name) => !answer.names.includes(name))
  if (missing !== undefined) return `lacks ${missing}`
  const surplus = answer.names.find((name) => !right.names.includes(name))
  if (surplus !== undefined) return `shows ${surplus}`
  if (answer.names.join() !== right.names.join()) return `is not in order: ${answer.names.join(', ')}`
  if (answer.count !== right.count) return `counts ${answer.count} keys instead of ${right.count}`
  if (answer.hasMore !== right.hasMore) return answer.hasMore ? 'says that there is more' : 'hides that there is more'
  return undefined
}

export function describeQuery({ kind, from, to, limit, delimiter, isConsistent }: ListQuery): string {
  return [
    `list of ${kind}`,
    ...(from === '' ? [] : [`from ${from}`]),
    ...(to === undefined ? [] : [`to ${to}`]),
    ...(limit === undefined ? [] : [`at most ${limit}`]),
    ...(delimiter === undefined ? [] : [`by ${delimiter}`]),
    ...(isConsistent ? ['consistent'] : []),
  ].join(' ')
}
