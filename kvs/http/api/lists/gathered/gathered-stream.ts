import {
  type BodySink,
  Broken,
  type Reply,
  type Request,
  type Resource,
  requestIdOf,
  type StreamedBody,
} from '../../../exchange/index.ts'
import type { DefectLog } from '../list-stream.ts'

interface GatheredBody {
  /** Headers of the reply but for Content-Length. */
  readonly headers: readonly string[]
  readonly chunks: AsyncIterator<Buffer, undefined>
  /** Called when the chunks have come to their end, or nobody wants them any more. */
  readonly close: () => void
  readonly log: DefectLog
}

/**
 * Makes the reply of a gathered list from its chunks, as `listReply` does of this node's own: the first two of them
 * are there before its head is out, so that what fails by then is an error. Rejects as the chunks do, and with `Broken`
 * where the client is gone.
 */
export async function gatheredReply(request: Request, body: GatheredBody): Promise<Reply> {
  const { headers, chunks, close } = body
  try {
    const first = (await chunks.next()).value
    const second = first === undefined ? undefined : (await chunks.next()).value
    if (request.isOver) throw new Broken('the client is gone')
    if (second === undefined) {
      close()
      const whole = first ?? Buffer.alloc(0)
      request.telemetry.bytes = whole.length
      return { status: 200, headers: [...headers, 'Content-Length', String(whole.length)], body: whole }
    }
    const stream = new GatheredStream(request, body, [first ?? Buffer.alloc(0), second])
    const others = request.resource
    request.resource = { release: () => [stream, others].forEach((resource) => void resource?.release()) }
    return { status: 200, headers: [...headers], body: stream }
  } catch (error) {
    close()
    throw error
  }
}

/** Sends chunks as fast as the client takes them. Where one of them fails, the reply breaks off. */
class GatheredStream implements StreamedBody, Resource {
  private readonly request: Request
  private readonly body: GatheredBody
  /** Chunks that were made before the head of the reply. */
  private readonly early: Buffer[]
  private isOver = false

  constructor(request: Request, body: GatheredBody, early: Buffer[]) {
    this.request = request
    this.body = body
    this.early = early
    request.telemetry.bytes = 0
  }

  open(sink: BodySink): void {
    void this.send(sink)
  }

  /** The reply is out, or the client gone. */
  release(): void {
    if (this.isOver) return
    this.isOver = true
    this.body.close()
  }

  /** Never rejects. */
  private async send(sink: BodySink): Promise<void> {
    const { request, body } = this
    try {
      while (!this.isOver) {
        const chunk = this.early.shift() ?? (await body.chunks.next()).value
        if (this.isOver) return
        if (chunk === undefined) {
          this.release()
          sink.end()
          return
        }
        request.telemetry.bytes = (request.telemetry.bytes ?? 0) + chunk.length
        if (!sink.write(chunk)) await new Promise<void>((resolve) => sink.onDrain(resolve))
        await new Promise<void>((resolve) => request.clock.soon(resolve))
      }
    } catch (error) {
      if (this.isOver) return
      body.log.error({ err: error, traceId: requestIdOf(request) }, 'a list broke off')
      this.release()
      sink.abort()
    }
  }
}
