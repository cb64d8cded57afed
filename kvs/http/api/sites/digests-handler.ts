import { KvsError } from '../../../core/errors.ts'
import { nowhere, type Position, parsePosition, positionBounds } from '../../../core/position.ts'
import {
  BadDigestText,
  type DigestService,
  digestsType,
  formatDigests,
  formatDigestsError,
  formatUnlike,
  parseFingerprints,
} from '../../../kv/index.ts'
import { Broken, noteWait, type ReceiveBody, type Reply, type Request } from '../../exchange/index.ts'
import type { DefectLog } from '../lists/list-stream.ts'
import { badQuery, readFlags } from '../query-flags.ts'
import type { Handle } from '../route.ts'
import { AwaitedText, withinSign } from './awaited-text.ts'
import { requireAllKeys } from './feed-handler.ts'

/** What the path takes. */
const known = { seen: 'seen' }

/**
 * Makes the handlers by which another site compares its values with this one's, by method: GET for the digests of all
 * buckets, POST for some of its values.
 * @param receiveBody receives bodies of up to `maxFingerprintBytes`
 * @param log takes what is no KvsError, once the head of a reply is out
 */
export function makeDigestHandlers(
  digests: DigestService,
  receiveBody: ReceiveBody,
  log: DefectLog,
): { readonly GET: Handle; readonly POST: Handle } {
  return {
    async GET(request) {
      requireAllKeys(request)
      const seen = seenIn(request)
      noteWait(request, 'position')
      const text = digests.read(seen).then(formatDigests)
      const found = await withinSign(request, text)
      if (request.isOver) throw new Broken('the client is gone')
      if (found !== undefined) {
        noteWait(request, undefined)
        return digestsReply(found)
      }
      // A large view takes longer to be read than the client and what is between wait for a silent node.
      const body = new AwaitedText(request, text, { explain: formatDigestsError, log })
      request.resource = body
      return { status: 200, headers: ['Content-Type', digestsType, 'Cache-Control', 'no-store'], body }
    },
    POST(request) {
      requireAllKeys(request)
      const seen = seenIn(request)
      noteWait(request, 'body')
      return receiveBody(request, async (body) => {
        const fingerprints = readBody(body)
        noteWait(request, 'position')
        const unlike = await digests.compare(seen, fingerprints, () => {
          if (request.isOver) throw new Broken('the client is gone')
        })
        noteWait(request, undefined)
        return digestsReply(formatUnlike(unlike))
      })
    },
  }
}

/** @throws KvsError bad_request */
function seenIn(request: Request): Position {
  const text = readFlags(request.query, known).get('seen') ?? ''
  if (text === '') return nowhere
  const seen = parsePosition(text)
  if (seen !== undefined) return seen
  throw badQuery(
    `seen has to be a position, LOGID=NUMBER with commas between, of at most ${positionBounds.parts} parts`,
    known,
  )
}

/** @throws KvsError bad_request */
function readBody(body: Buffer): ReturnType<typeof parseFingerprints> {
  try {
    return parseFingerprints(body.toString('latin1'))
  } catch (error) {
    if (!(error instanceof BadDigestText)) throw error
    throw new KvsError('bad_request', `the body ${error.message}; nothing was compared`)
  }
}

function digestsReply(text: string): Reply {
  const headers = ['Content-Type', digestsType, 'Content-Length', String(text.length), 'Cache-Control', 'no-store']
  return { status: 200, headers, body: text }
}
