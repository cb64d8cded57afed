import { KvsError } from '../../../core/errors.ts'
import { isLogId, nowhere, type Position, parsePosition, positionBounds } from '../../../core/position.ts'
import { type Feed, type FeedQuery, type FeedStream, feedType } from '../../../kv/index.ts'
import {
  type BodySink,
  Broken,
  type Reply,
  type Request,
  type Resource,
  type StreamedBody,
} from '../../exchange/index.ts'
import { badQuery, type QueryFlags, readFlags } from '../query-flags.ts'
import type { Handle } from '../route.ts'

/** What the path of a feed takes. */
const known = { site: 'site', have: 'have', stamps: 'stamps', after: 'after' }

/** Makes the handler by which another site follows this one's log. */
export function makeFeedHandler(feed: Feed): Handle {
  return async (request) => {
    requireAllKeys(request)
    const stream = await feed.open(queryOf(request))
    if (request.isOver) {
      stream.close()
      throw new Broken('the client is gone')
    }
    const body = new FeedBody(request, stream)
    request.resource = body
    return reply(body)
  }
}

function reply(body: StreamedBody): Reply {
  return { status: 200, headers: ['Content-Type', feedType, 'Cache-Control', 'no-store'], body }
}

/** A site has to see every key of another one, so that a token for some does not do. @throws KvsError forbidden */
export function requireAllKeys({ caller }: Request): void {
  const prefixes = caller?.prefixesWithin('')
  if (prefixes === undefined || (prefixes.length === 1 && prefixes[0] === '')) return
  throw new KvsError('forbidden', 'a site follows all keys of another one, and the token has prefixes')
}

/** @throws KvsError bad_request */
function queryOf(request: Request): FeedQuery {
  const flags = readFlags(request.query, known)
  const site = flags.get('site') ?? ''
  if (!isLogId(site)) throw badQuery('site has to be the id of the log that asks', known)
  const stamps = positionFlag(flags, 'stamps').sequences
  return {
    site,
    have: positionFlag(flags, 'have'),
    stamps: new Map([...stamps].map(([logId, stamp]) => [logId, Number(stamp)])),
    after: positionFlag(flags, 'after'),
  }
}

function positionFlag(flags: QueryFlags, name: keyof typeof known): Position {
  const text = flags.get(name) ?? ''
  if (text === '') return nowhere
  const position = parsePosition(text)
  if (position !== undefined) return position
  throw badQuery(
    `${name} has to be a position, LOGID=NUMBER with commas between, of at most ${positionBounds.parts} parts`,
    known,
  )
}

/** Sends a feed's frames as fast as the other site takes them. */
class FeedBody implements StreamedBody, Resource {
  private readonly request: Request
  private readonly stream: FeedStream
  /** Keeps the connection from being cut when the node stops. */
  private keep: () => void = () => undefined

  constructor(request: Request, stream: FeedStream) {
    this.request = request
    this.stream = stream
    request.telemetry.bytes = 0
    request.telemetry.isFeed = true
  }

  open(sink: BodySink): void {
    void this.sendNext(sink)
  }

  /** The other site is gone, or the feed is at its end. */
  release(): void {
    this.keep()
    this.stream.close()
  }

  private async sendNext(sink: BodySink): Promise<void> {
    const chunk = await this.stream.next()
    if (chunk === undefined) {
      sink.end()
      return
    }
    this.request.telemetry.bytes = (this.request.telemetry.bytes ?? 0) + chunk.length
    if (sink.write(chunk)) this.open(sink)
    else this.waitForDrain(sink)
  }

  /** A site that takes nothing is cut off when the node stops; it reads on from another node. */
  private waitForDrain(sink: BodySink): void {
    const { stopping } = this.stream
    if (stopping.aborted) {
      sink.abort()
      return
    }
    const cut = () => sink.abort()
    stopping.addEventListener('abort', cut)
    this.keep = () => stopping.removeEventListener('abort', cut)
    sink.onDrain(() => {
      this.keep()
      this.open(sink)
    })
  }
}
