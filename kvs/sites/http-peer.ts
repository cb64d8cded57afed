import type { Dispatcher } from 'undici'
import { catalogue } from '../core/errors.ts'
import { formatPosition, nowhere, type Position, parsePosition } from '../core/position.ts'
import { explain, type Target } from '../forward/index.ts'
import {
  BadDigestText,
  copiesPath,
  digestsPath,
  digestsType,
  type FeedQuery,
  feedPath,
  feedType,
  formatFingerprints,
  type LogCopy,
  parseDigests,
  parseUnlike,
  positionPath,
  rejoinPath,
} from '../kv/index.ts'
import { unlessAborted } from '../lib/abort.ts'
import { type PeerClient, PeerRefused, PeerRemoved } from './peer-client.ts'

const textType = 'text/plain; charset=utf-8'
const jsonType = 'application/json'
/** A feed gives a sign of life every second. */
const silenceMs = 5_000
const answerMs = 10_000
/** What is read of an answer other than a feed, in bytes. */
const mostTextBytes = 16_000
/** The same for digests, before which a newline comes every second for as long as the node reads all that it has. */
const mostDigestBytes = 32_000

/**
 * Asks one node over HTTP.
 * @param token to show there; undefined for none
 */
export function makeHttpPeer({ dispatcher, name, servername }: Target, token: string | undefined): PeerClient {
  const common = { host: name, ...(token !== undefined && { authorization: `Bearer ${token}` }) }

  async function ask(
    path: string,
    accept: keyof typeof wanted,
    signal: AbortSignal,
    bodyTimeout: number,
    more: More = {},
  ) {
    const request = {
      ...{ method: 'GET', path, headers: { ...common, accept }, signal, servername },
      ...{ headersTimeout: answerMs, bodyTimeout, ...more },
    }
    // A request that waits for a connection would heed the signal only once that is made, or has failed.
    const asked = dispatcher.request(request)
    // An error of a body that nobody reads any more would end the process.
    asked.then(({ body }) => body.on('error', () => undefined)).catch(() => undefined)
    const answer = await unlessAborted(asked, signal)
    if (answer === undefined) throw signal.reason
    const { statusCode, headers, body } = answer
    const type = headers['content-type']
    if (statusCode === 200 && type === accept) return body
    if (statusCode === 200) {
      body.destroy()
      throw new PeerRefused(`${name} answers with ${type ?? 'no type'}, not with ${wanted[accept]}: it is no node`)
    }
    const sentence = (await textOf(body)).slice(0, 300)
    if (statusCode === 409 && sentence.includes(catalogue.removed.message))
      throw new PeerRemoved(`${name}: ${sentence}`)
    const hint = statusCode === 404 ? '; is KVS_PEERS set there? Is it of this version?' : ''
    throw new PeerRefused(`${name} answers ${statusCode}: ${sentence}${hint}`)
  }

  return {
    async open(query, signal) {
      try {
        return explained(await ask(pathOf(query), feedType, signal, silenceMs), name)
      } catch (error) {
        throw explainedError(error, name)
      }
    },
    async askPosition(seen, signal) {
      try {
        const query = seen === undefined ? '' : `?${new URLSearchParams({ seen: formatPosition(seen) })}`
        const text = await textOf(await ask(`${positionPath}${query}`, textType, signal, answerMs))
        const position = parsePosition(text)
        if (position === undefined) throw new PeerRefused(`${name} answers with no position`)
        return position
      } catch (error) {
        throw explainedError(error, name)
      }
    },
    async askCopy({ log, sequence }, signal) {
      try {
        const query = new URLSearchParams({ log, sequence: String(sequence) })
        const copy = copyIn(await textOf(await ask(`${copiesPath}?${query}`, jsonType, signal, answerMs)))
        if (copy === undefined) throw new PeerRefused(`${name} does not answer how far it has a log`)
        return copy
      } catch (error) {
        throw explainedError(error, name)
      }
    },
    async rejoin({ stamp, origin }, signal) {
      try {
        const query = new URLSearchParams({ stamp: String(stamp), origin })
        await textOf(await ask(`${rejoinPath}?${query}`, textType, signal, answerMs, { method: 'POST' }))
      } catch (error) {
        throw explainedError(error, name)
      }
    },
    askDigests: (seen, signal) => compared(seen, {}, signal, parseDigests),
    askUnlike: (seen, fingerprints, signal) =>
      compared(seen, { method: 'POST', body: formatFingerprints(fingerprints) }, signal, (text) =>
        parseUnlike(text, fingerprints.length),
      ),
  }

  async function compared<T>(seen: Position, more: More, signal: AbortSignal, parse: (text: string) => T): Promise<T> {
    try {
      const query = new URLSearchParams({ seen: formatPosition(seen) })
      return parse(
        await textOf(await ask(`${digestsPath}?${query}`, digestsType, signal, answerMs, more), mostDigestBytes),
      )
    } catch (error) {
      throw explainedError(
        error instanceof BadDigestText ? new PeerRefused(`${name}: the answer ${error.message}`) : error,
        name,
      )
    }
  }
}

/** What differs of a request from a GET. */
interface More {
  readonly method?: 'GET' | 'POST'
  readonly body?: string
}

/** What an answer is expected to be, by its type. */
const wanted = {
  [feedType]: 'a log',
  [textType]: 'a position',
  [jsonType]: 'how far it has a log',
  [digestsType]: 'digests',
} as const

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

/** Reads `{"log":LOGID,"sequence":DIGITS,"stamp":NUMBER|null}`; undefined for anything else. */
function copyIn(text: string): LogCopy | undefined {
  try {
    const { log, sequence, stamp } = JSON.parse(text) as { readonly [Name in 'log' | 'sequence' | 'stamp']?: unknown }
    if (typeof log !== 'string' || !/^[0-9a-z._-]{1,64}$/i.test(log)) return undefined
    if (typeof sequence !== 'string' || !/^\d{1,19}$/.test(sequence)) return undefined
    if (stamp !== null && !(typeof stamp === 'number' && Number.isSafeInteger(stamp) && stamp >= 0)) return undefined
    return { holder: log, sequence: BigInt(sequence), stamp: stamp ?? undefined }
  } catch {
    return undefined
  }
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
  if (error instanceof PeerRefused) return error
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT') {
    return new Error(`${name} gives no sign of life`, { cause: error })
  }
  return new Error(explain(error, name, 'KVS_PEER_CA'), { cause: error })
}

/** A short text. What is beyond the bound is not read. */
async function textOf(body: Dispatcher.ResponseData['body'], most = mostTextBytes): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > most) break
  }
  return Buffer.concat(chunks).toString().trim()
}
