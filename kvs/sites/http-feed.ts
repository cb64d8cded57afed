import type { Dispatcher } from 'undici'
import { formatPosition, nowhere, type Position } from '../core/position.ts'
import { explain, type Target } from '../forward/index.ts'
import { type FeedQuery, feedPath, feedType } from '../kv/index.ts'
import type { OpenFeed } from './pull.ts'

/** A feed gives a sign of life every second. */
const silenceMs = 5_000
const answerMs = 10_000
/** What is read of an answer that is an error, in bytes. */
const mostErrorBytes = 2_000

/**
 * Opens the feeds of one node over HTTP.
 * @param token to show there; undefined for none
 */
export function makeHttpFeed({ dispatcher, name, servername }: Target, token: string | undefined): OpenFeed {
  return async (query, signal) => {
    const headers = { host: name, accept: feedType, ...(token !== undefined && { authorization: `Bearer ${token}` }) }
    const request = {
      ...{ method: 'GET' as const, path: pathOf(query), headers, signal, servername },
      ...{ headersTimeout: answerMs, bodyTimeout: silenceMs },
    }
    const reject = (error: unknown) => Promise.reject(explainedError(error, name))
    const { statusCode, headers: answered, body } = await dispatcher.request(request).catch(reject)
    // An error of a body that nobody reads any more would end the process.
    body.on('error', () => undefined)
    const type = answered['content-type']
    if (statusCode === 200 && type === feedType) return explained(body, name)
    if (statusCode !== 200) throw new Error(`${name} answers ${statusCode}: ${await textOf(body).catch(reject)}`)
    body.destroy()
    throw new Error(`${name} answers with ${type ?? 'no type'}, not with a log: it is no node`)
  }
}

function pathOf({ site, have, stamps, after }: FeedQuery): string {
  const texts = new URLSearchParams({ site, have: formatPosition(have), stamps: formatStamps(stamps) })
  if (after !== nowhere) texts.set('after', formatPosition(after))
  return `${feedPath}?${texts}`
}

/** In the form of a position, which a feed's query is read in. */
function formatStamps(stamps: ReadonlyMap<string, number>): string {
  const sequences = new Map([...stamps].map(([logId, stamp]) => [logId, BigInt(stamp)]))
  return formatPosition({ sequences, stamp: 0 } satisfies Position)
}

async function* explained(body: AsyncIterable<Buffer>, name: string): AsyncIterable<Buffer> {
  try {
    yield* body
  } catch (error) {
    throw explainedError(error, name)
  }
}

function explainedError(error: unknown, name: string): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT') {
    return new Error(`${name} gives no sign of life`, { cause: error })
  }
  return new Error(explain(error, name, 'KVS_PEER_CA'), { cause: error })
}

/** The sentence of an answer that is an error. What is beyond the bound is not read. */
async function textOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > mostErrorBytes) break
  }
  return Buffer.concat(chunks).toString().slice(0, 300).trim()
}
