import { KvsError } from '../../../core/errors.ts'
import { nowhere, type Position, parsePosition, positionBounds } from '../../../core/position.ts'
import {
  BadDigestText,
  type DigestService,
  digestsType,
  formatDigests,
  formatUnlike,
  parseFingerprints,
} from '../../../kv/index.ts'
import { noteWait, type ReceiveBody, type Reply, type Request } from '../../exchange/index.ts'
import { badQuery, readFlags } from '../query-flags.ts'
import type { Handle } from '../route.ts'
import { requireAllKeys } from './feed-handler.ts'

/** What the path takes. */
const known = { seen: 'seen' }

/**
 * Makes the handlers by which another site compares its values with this one's, by method: GET for the digests of all
 * buckets, POST for some of its values.
 * @param receiveBody receives bodies of up to `maxFingerprintBytes`
 */
export function makeDigestHandlers(
  digests: DigestService,
  receiveBody: ReceiveBody,
): { readonly GET: Handle; readonly POST: Handle } {
  return {
    async GET(request) {
      requireAllKeys(request)
      const seen = seenIn(request)
      noteWait(request, 'position')
      const found = await digests.read(seen)
      noteWait(request, undefined)
      return digestsReply(formatDigests(found))
    },
    POST(request) {
      requireAllKeys(request)
      const seen = seenIn(request)
      noteWait(request, 'body')
      return receiveBody(request, async (body) => {
        const fingerprints = readBody(body)
        noteWait(request, 'position')
        const unlike = await digests.compare(seen, fingerprints)
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
