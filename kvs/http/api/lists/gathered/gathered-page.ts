import { Broken, type HoldBytes, type Reply, type Request } from '../../../exchange/index.ts'
import type { Part } from '../../routing.ts'
import { type AskedList, listHeaders } from '../asked-list.ts'
import { nextPage } from '../list-link.ts'
import { maxValuesOfPage } from '../list-query.ts'
import { type DefectLog, listReply } from '../list-stream.ts'
import { chunksOf } from '../list-text.ts'
import { maxShownBytes } from '../listed-value.ts'
import type { PartQuestion } from './asked-part.ts'
import { type AnsweredPart, gather, itemsOf } from './gather.ts'
import { Merge } from './merge.ts'
import { strangeAnswer } from './part-failure.ts'

interface GatheredPage {
  /** JSON of each item. */
  readonly lines: readonly Buffer[]
  /** Key or name that the page ends with; undefined where nothing comes after it. */
  readonly last: string | undefined
}

/** So many items are taken before others have their turn. */
const sliceItems = 250

/**
 * Shows one page: the first items of all members' pages. Where members have more than their pages show, it ends at the
 * least key that one of these ends at, since of what comes after that not everything is known.
 */
export async function showGatheredPage(
  list: AskedList,
  parts: readonly Part[],
  question: PartQuestion,
  { holdBytes, log }: { readonly holdBytes: HoldBytes; readonly log: DefectLog },
): Promise<Reply> {
  const { request, query, form } = list
  // It takes the place of what the request holds, and the parts come beside it.
  const held = holdBytes(request)
  const gathered = await gather(request, parts, question)
  try {
    const shows = query.shows === 'values' ? 'values' : 'keys'
    const merge = new Merge(itemsOf(gathered, shows, (bytes) => held.add(bytes)))
    const { lines, last } = await readPage(request, merge, {
      limit: shows === 'values' ? Math.min(query.limit ?? maxValuesOfPage, maxValuesOfPage) : (query.limit ?? 1),
      end: leastEnd(gathered.parts),
    })
    const headers = [...listHeaders(form, gathered.position), ...nextPage(list, last)]
    if (request.method === 'HEAD') return { status: 200, headers, body: undefined }
    const texts = lines.values().map((line) => line.toString())
    return listReply(request, { headers, chunks: chunksOf(texts, form), close: () => undefined, log })
  } finally {
    gathered.close()
  }
}

/** @param bounds `end`: nothing after it is shown; undefined where the parts have no more than they show */
async function readPage(
  request: Request,
  merge: Merge,
  { limit, end }: { readonly limit: number; readonly end: Buffer | undefined },
): Promise<GatheredPage> {
  const lines: Buffer[] = []
  let bytes = 0
  let last: Buffer | undefined
  await merge.begin()
  for (let { item } = merge; item !== undefined; item = merge.item) {
    if (end !== undefined && Buffer.compare(item.key, end) > 0) break
    bytes += item.size
    if (lines.length === limit || (lines.length > 0 && bytes > maxShownBytes)) {
      return { lines, last: last?.toString() }
    }
    lines.push(item.line)
    last = item.key
    const more = merge.advance()
    if (more !== undefined) await more
    if (lines.length % sliceItems === 0) await new Promise<void>((resolve) => request.clock.soon(resolve))
    if (request.isOver) throw new Broken('the client is gone')
  }
  return { lines, last: end?.toString() }
}

/** The least key that a page ends with which has a link to more; undefined where none has. */
function leastEnd(parts: readonly AnsweredPart[]): Buffer | undefined {
  const ends = parts.flatMap((part) => endOf(part) ?? [])
  return ends.toSorted(Buffer.compare)[0]
}

function endOf({ asked, reply }: AnsweredPart): Buffer | undefined {
  const link = reply.headers.get('link')
  if (link === undefined) return undefined
  const [, after] = /[?&]after=([^&>]*)/.exec(link) ?? []
  const key = after === undefined ? undefined : decoded(after)
  if (key === undefined) throw strangeAnswer(asked.address, 'its Link names no key')
  return Buffer.from(key)
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
