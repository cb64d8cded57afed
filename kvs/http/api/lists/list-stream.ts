import {
  type BodySink,
  Broken,
  type Reply,
  type Request,
  type Resource,
  requestIdOf,
  type StreamedBody,
} from '../../exchange/index.ts'

/** What takes the defects of a reply whose head is out. */
export interface DefectLog {
  error(fields: object, message: string): void
}

interface ListBody {
  /** Headers of the reply but for Content-Length. */
  readonly headers: readonly string[]
  readonly chunks: Iterator<Buffer, undefined>
  /** Called once: when the chunks have come to their end, or nobody wants them any more. */
  readonly close: () => void
  readonly log: DefectLog
}

/**
 * Makes the reply of a list from its chunks. One that has a single chunk is sent as a whole, with its length. The
 * chunks of all others are made as the client takes them.
 * @throws Broken where the client is gone
 */
export function listReply(request: Request, body: ListBody): Reply {
  const { headers, chunks, close } = body
  try {
    if (request.isOver) throw new Broken('the client is gone')
    const [first, second] = [chunks.next(), chunks.next()]
    if (second.done) {
      close()
      const whole = first.value ?? Buffer.alloc(0)
      request.telemetry.bytes = whole.length
      return { status: 200, headers: [...headers, 'Content-Length', String(whole.length)], body: whole }
    }
    const stream = new ListStream(request, body, [first.value ?? Buffer.alloc(0), second.value])
    const others = request.resource
    request.resource = { release: () => [stream, others].forEach((resource) => void resource?.release()) }
    return { status: 200, headers: [...headers], body: stream }
  } catch (error) {
    close()
    throw error
  }
}

/** Sends chunks as fast as the client takes them, each in a turn of its own. */
class ListStream implements StreamedBody, Resource {
  private readonly request: Request
  private readonly body: ListBody
  /** Chunks that were made before the head of the reply. */
  private readonly early: Buffer[]
  private isOver = false

  constructor(request: Request, body: ListBody, early: Buffer[]) {
    this.request = request
    this.body = body
    this.early = early
    request.telemetry.bytes = 0
  }

  open(sink: BodySink): void {
    if (this.isOver) return
    try {
      this.sendNext(sink)
    } catch (error) {
      this.body.log.error({ err: error, traceId: requestIdOf(this.request) }, 'a list broke off')
      this.release()
      sink.abort()
    }
  }

  /** The reply is out, or the client gone. */
  release(): void {
    if (this.isOver) return
    this.isOver = true
    this.body.close()
  }

  private sendNext(sink: BodySink): void {
    const chunk = this.early.shift() ?? this.body.chunks.next().value
    if (chunk === undefined) {
      this.release()
      sink.end()
      return
    }
    this.request.telemetry.bytes = (this.request.telemetry.bytes ?? 0) + chunk.length
    // After a drain as well: where the client reads fast, that comes in the same turn of the event loop.
    const next = () => this.request.clock.soon(() => this.open(sink))
    if (sink.write(chunk)) next()
    else sink.onDrain(next)
  }
}
