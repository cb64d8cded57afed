import type { HoldBytes, Reply } from '../../../exchange/index.ts'
import type { Handle } from '../../route.ts'
import type { Part } from '../../routing.ts'
import { type AskedList, askedListOf, listHeaders } from '../asked-list.ts'
import { type DefectLog, listReply } from '../list-stream.ts'
import type { PartQuestion } from './asked-part.ts'
import { type AnsweredPart, gather, itemsOf, type PartsRouting, withParts } from './gather.ts'
import { showGatheredPage } from './gathered-page.ts'
import { gatheredReply } from './gathered-stream.ts'
import { Merge, mergedChunks } from './merge.ts'
import { brokeOff, strangeAnswer, textOf } from './part-failure.ts'

export interface GatheringOptions {
  readonly routing: PartsRouting
  readonly holdBytes: HoldBytes
  readonly log: DefectLog
}

/** Items come a line each, and errors with their codes. */
const accept = 'application/x-ndjson, application/problem+json'
/** Nothing that tells a count is longer, in bytes. */
const maxCountBytes = 1_024

/**
 * Makes the handler that lists a collection over all members of a ring: what each has of it, in the order of the keys.
 * A member that gives no answer, or an error, is an error of the whole; one that breaks off breaks it off.
 * @param own lists this node's own part
 */
export function gatheringLists(own: Handle, { routing, holdBytes, log }: GatheringOptions): Handle {
  return async (request) => {
    const list = askedListOf(request)
    const question = { method: methodFor(list), accept, own }
    return withParts(request, { routing, own }, async (parts) => {
      if (list.query.shows === 'count') return showCount(list, parts, question, log)
      if (list.query.limit !== undefined) return showGatheredPage(list, parts, question, { holdBytes, log })
      return showKeys(list, parts, question, log)
    })
  }
}

/** The sum, and the link of a page, come from what the members show; the other headers do not. */
function methodFor({ request, query }: AskedList): string {
  return query.shows === 'keys' && query.limit === undefined ? request.method : 'GET'
}

async function showCount(
  { request, form }: AskedList,
  parts: readonly Part[],
  question: PartQuestion,
  log: DefectLog,
): Promise<Reply> {
  const gathered = await gather(request, parts, question)
  try {
    const counts = await Promise.all(gathered.parts.map(countIn))
    const count = counts.reduce((sum, one) => sum + one, 0)
    const body = Buffer.from(`${JSON.stringify({ count })}\n`)
    const headers = listHeaders(form, gathered.position)
    return listReply(request, { headers, chunks: [body].values(), close: () => undefined, log })
  } finally {
    gathered.close()
  }
}

async function countIn({ asked, reply }: AnsweredPart): Promise<number> {
  const chunks = { [Symbol.asyncIterator]: () => asked.body(reply) }
  const text = await textOf(chunks, maxCountBytes).catch((error: unknown) => {
    throw brokeOff(asked.address, error)
  })
  const [, digits] = /^\{"count":(\d{1,15})\}\n$/.exec(text) ?? []
  if (digits === undefined) throw strangeAnswer(asked.address, 'it tells no count')
  return Number(digits)
}

/** Shows all keys, as each member has them at one moment, however long the client takes to read them. */
async function showKeys(
  { request, form }: AskedList,
  parts: readonly Part[],
  question: PartQuestion,
  log: DefectLog,
): Promise<Reply> {
  const gathered = await gather(request, parts, question)
  const headers = listHeaders(form, gathered.position)
  if (request.method === 'HEAD') {
    gathered.close()
    return { status: 200, headers, body: undefined }
  }
  const chunks = mergedChunks(new Merge(itemsOf(gathered, 'keys')), form)
  return gatheredReply(request, { headers, chunks, close: gathered.close, log })
}
