import type { KeyRange } from '../../../core/key-range.ts'
import type { KeyListing, Kv, ShownState, ValuePage } from '../../../kv/index.ts'
import { Broken, type HeldBytes, type HoldBytes, noteWait, type Reply, type Request } from '../../exchange/index.ts'
import { awaitFreshness } from '../freshness.ts'
import type { Handle } from '../route.ts'
import type { Routing } from '../routing.ts'
import { type AskedList, askedListOf, listHeaders } from './asked-list.ts'
import { gatheringLists } from './gathered/gathered-lists.ts'
import { slotsHeader } from './gathered/part-slots.ts'
import { nextPage } from './list-link.ts'
import { rangesOf } from './list-ranges.ts'
import type { OpenListing } from './list-shares.ts'
import { type DefectLog, listReply } from './list-stream.ts'
import { chunksOf } from './list-text.ts'
import { listedValue, maxShownBytes, textBytesOf } from './listed-value.ts'

export interface ListHandlersOptions {
  readonly store: Kv
  readonly openListing: OpenListing
  readonly holdBytes: HoldBytes
  readonly log: DefectLog
  /** Undefined where there is no ring. */
  readonly routing?: Routing | undefined
}

/** A list that is to be shown. */
interface List extends AskedList {
  readonly ranges: readonly KeyRange[]
}

/** Keys are taken and made in slices of this many, so that nothing else waits for all of a page. */
const sliceKeys = 250

/**
 * Makes the handlers that list a collection. They have its headers alone for a HEAD, and make no text for it. In a ring
 * they gather what all members have of it.
 */
export function makeListHandlers(options: ListHandlersOptions): Readonly<Record<string, Handle>> {
  const { store, routing } = options

  async function list(request: Request): Promise<Reply> {
    const asked = askedListOf(request)
    const { query } = asked
    const fresh = awaitFreshness(request, store, query.isConsistent)
    if (fresh !== undefined) {
      noteWait(request, 'position')
      await fresh
      noteWait(request, undefined)
    }
    const list = { ...asked, ranges: rangesOf(asked, query) }
    if (query.shows === 'count') return count(list, options)
    if (query.shows === 'values') return showValues(list, query.limit ?? 1, options)
    return query.limit === undefined ? showKeys(list, options) : showPage(list, query.limit, options)
  }

  const handle = routing === undefined ? list : gatheringLists(list, { ...options, routing })
  return { GET: handle, HEAD: handle }
}

async function count(list: List, { store, log }: ListHandlersOptions): Promise<Reply> {
  const { request, ranges } = list
  const counted = await store.countKeys(ranges)
  const body = Buffer.from(`${JSON.stringify({ count: counted.count })}\n`)
  const headers = headersFor(list, counted)
  return listReply(request, { headers, chunks: [body].values(), close: () => undefined, log })
}

/** Shows all keys as they are at one moment, however long the client takes to read them. */
async function showKeys(list: List, { openListing, log }: ListHandlersOptions): Promise<Reply> {
  const { request, ranges, form } = list
  const delimiter = delimiterOf(list)
  if (request.method === 'HEAD') {
    const listing = await openListing(request, { ranges, limit: 1, delimiter })
    listing.close()
    return headOf(headersFor(list, listing))
  }
  const listing = await openListing(request, { ranges, limit: undefined, delimiter })
  const chunks = chunksOf(keyTexts(listing), form)
  return listReply(request, { headers: headersFor(list, listing), chunks, close: () => listing.close(), log })
}

function* keyTexts(listing: KeyListing): Generator<string, undefined> {
  for (;;) {
    const keys = listing.take(sliceKeys)
    if (keys.length === 0) return undefined
    for (const key of keys) yield JSON.stringify(key.toString())
  }
}

/** Shows one page of keys. Its link to the next one goes ahead of it, so that all of its keys are taken first. */
async function showPage(
  list: List,
  limit: number,
  { openListing, holdBytes, log }: ListHandlersOptions,
): Promise<Reply> {
  const { request, ranges, form } = list
  const listing = await openListing(request, { ranges, limit, delimiter: delimiterOf(list) })
  try {
    const names = await namesIn(listing, request, holdBytes(request))
    const link = nextPage(list, listing.hasMore ? names.at(-1) : undefined)
    const headers = [...headersFor(list, listing), ...link]
    if (request.method === 'HEAD') return headOf(headers)
    const texts = names.values().map((name) => JSON.stringify(name))
    return listReply(request, { headers, chunks: chunksOf(texts, form), close: () => undefined, log })
  } finally {
    listing.close()
  }
}

async function namesIn(listing: KeyListing, request: Request, held: HeldBytes): Promise<string[]> {
  const names: string[] = []
  for (;;) {
    const keys = listing.take(sliceKeys)
    if (keys.length === 0) return names
    held.add(keys.reduce((sum, { length }) => sum + length, 0))
    for (const key of keys) names.push(key.toString())
    if (keys.length < sliceKeys) continue
    await new Promise<void>((resolve) => request.clock.soon(resolve))
    if (request.isOver) throw new Broken('the client is gone')
  }
}

async function showValues(list: List, limit: number, options: ListHandlersOptions): Promise<Reply> {
  const { request, ranges, form } = list
  const { store, holdBytes, log } = options
  const page = await store.listValues({ ranges, limit, maxBytes: maxShownBytes })
  const { items, last } = page
  const headers = [...headersFor(list, page), ...nextPage(list, last)]
  if (request.method === 'HEAD') return headOf(headers)
  holdBytes(request).add(bytesOf(page))
  const texts = items.values().map(({ key, found }) => listedValue(key, found))
  return listReply(request, { headers, chunks: chunksOf(texts, form), close: () => undefined, log })
}

/** What the values of a page weigh until their client has taken them. One that is too large is not shown. */
function bytesOf({ items }: ValuePage): number {
  return items.reduce((sum, { key, found: { value } }) => {
    return sum + key.length + (value.length > maxShownBytes ? 0 : value.length + textBytesOf(value))
  }, 0)
}

function delimiterOf({ query: { delimiter }, prefix }: List) {
  return delimiter === undefined ? undefined : { text: Buffer.from(delimiter), after: Buffer.byteLength(prefix) }
}

/** Headers but for the length and the link. */
function headersFor({ request, form }: List, { position, owns }: ShownState): string[] {
  return [...listHeaders(form, position), ...slotsHeader(request, owns)]
}

const headOf = (headers: string[]): Reply => ({ status: 200, headers, body: undefined })
