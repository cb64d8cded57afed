import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import {
  type BodySink,
  Broken,
  hasBody,
  noteWait,
  originForm,
  type Reply,
  type Request,
  type Resource,
  type StreamedBody,
} from '../http/exchange/index.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { batchByTurn } from '../lib/turn-batching.ts'
import { headersBack, reasonBack, withoutHeaders } from './onward-headers.ts'
import type { Target, TargetRequest } from './target.ts'
import { explain, Late } from './target-failures.ts'
import type { TargetHealth } from './target-health.ts'
import { joinTrace } from './trace-header.ts'
import { openUpload } from './upload.ts'

export interface RequestForwardingOptions {
  readonly target: Pick<Target, 'dispatcher' | 'name' | 'servername'>
  /** Longest wait for the target: to take a connection, to take more of a body, to reply, to go on with its reply. */
  readonly timeoutMs: number
  readonly health: TargetHealth
  readonly clock: Pick<Clock, 'soon'>
  /**
   * The headers that go on.
   * @throws KvsError bad_request
   */
  readonly headersOf: (request: Request) => string[]
  /**
   * Makes the reply where the target gives no answer, or rejects with an error for the client.
   * @param reason as `explain` has it
   */
  readonly unanswered: (request: Request, reason: string) => Promise<Reply>
}

/**
 * Sends a request on, and returns the reply.
 * @param received its body, where that was read already; null where the request goes on without one
 */
export type ForwardRequest = (request: Request, received?: Buffer | null) => Promise<Reply>

/**
 * Makes the handler that sends a request on, and its reply back, each as it comes. What breaks off on one side breaks
 * off on the other. A request is sent once: undici repeats only what it has sent nothing of, and nothing here retries.
 */
export function makeRequestForwarder(options: RequestForwardingOptions): ForwardRequest {
  const answerSoon = batchByTurn((forwarded: ForwardedRequest) => forwarded.answer(), options.clock)
  const forwarding = { ...options, answerSoon }
  return (request, received) => new ForwardedRequest(request, forwarding, received).reply
}

interface Forwarding extends RequestForwardingOptions {
  /** Has the replies of one turn of the event loop go back together, at its end. */
  readonly answerSoon: (forwarded: ForwardedRequest) => void
}

/** What has come of a body of more bytes goes back at once, so that the target meets the client's backpressure. */
const maxBytesUntilAnswered = 16 * 1024

/** One request on its way to the target and back. */
class ForwardedRequest implements Dispatcher.DispatchHandler, StreamedBody, Resource {
  readonly reply: Promise<Reply>
  private readonly request: Request
  private readonly options: Forwarding
  private readonly upload: Readable | null
  private resolve: (reply: Reply | Promise<Reply>) => void = () => undefined
  private reject: (error: Error) => void = () => undefined
  private controller: Dispatcher.DispatchController | undefined = undefined
  private givenUp: Error | undefined = undefined
  /** What the target has replied, but for the body; undefined until then. */
  private head: Omit<Reply, 'body'> | undefined = undefined
  private isAnswered = false
  private isOver = false
  private timer: Timer
  /** Moment when the target last took or gave something. */
  private movedAt: number
  private sink: BodySink | undefined = undefined
  /** Chunks that came before the head was written. */
  private early: Buffer[] = []
  private bytes = 0
  /** Whether the client has to take more of the reply before the target may go on. */
  private isPaused = false

  constructor(request: Request, options: Forwarding, received: Buffer | null | undefined) {
    const { target, timeoutMs } = options
    const onward = options.headersOf(request)
    const headers = received === null ? withoutHeaders(onward, ['content-length']) : onward
    this.request = request
    this.options = options
    this.upload = received === undefined && hasBody(request) ? openUpload(request) : null
    this.reply = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.movedAt = request.clock.now()
    this.timer = request.clock.after(timeoutMs, () => this.onTimer())
    request.resource = this
    noteWait(request, 'target')
    headers.push(...joinTrace(request))
    const { dispatcher, servername } = target
    const method = request.method as Dispatcher.HttpMethod
    const body = received ?? this.upload
    const sent: TargetRequest = { method, path: originForm(request.target), headers, body, servername }
    dispatcher.dispatch(sent, this)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.givenUp) controller.abort(this.givenUp)
  }

  onBodySent(): void {
    this.movedAt = this.request.clock.now()
  }

  onRequestSent(): void {
    this.movedAt = this.request.clock.now()
  }

  onResponseStart(
    { rawHeaders }: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    reason?: string,
  ): void {
    if (status < 200) return
    const { request, options } = this
    this.movedAt = request.clock.now()
    options.health.answered()
    noteWait(request, undefined)
    this.head = { status, reason: reasonBack(reason), headers: headersBack(rawHeaders) }
    options.answerSoon(this)
  }

  /** Sends the reply back: one that is here whole goes in one piece, as if it were this node's own. */
  answer(): void {
    const { request, head } = this
    if (this.isAnswered || head === undefined) return
    this.isAnswered = true
    if (request.isUploading) head.headers.push('Connection', 'close')
    const isWhole = this.isOver && this.givenUp === undefined
    this.resolve({ ...head, body: isWhole ? inOnePiece(this.early) : this })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.bytes += chunk.length
    this.request.telemetry.bytes = this.bytes
    this.movedAt = this.request.clock.now()
    if (this.sink === undefined) {
      this.early.push(chunk)
      if (this.bytes > maxBytesUntilAnswered) this.answer()
      return
    }
    if (this.sink.write(chunk)) return
    controller.pause()
    this.isPaused = true
    this.sink.onDrain(() => {
      this.isPaused = false
      this.movedAt = this.request.clock.now()
      controller.resume()
    })
  }

  onResponseEnd(): void {
    this.timer.cancel()
    this.isOver = true
    this.sink?.end()
    this.upload?.destroy()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }

  /** The head of the reply is written. All that came meanwhile follows it. */
  open(sink: BodySink): void {
    this.sink = sink
    for (const chunk of this.early) sink.write(chunk)
    this.early = []
    if (!this.isOver) return
    if (this.givenUp === undefined) sink.end()
    else sink.abort()
  }

  /** The client is gone, unless the reply is out. */
  release(): void {
    if (!this.isOver) this.giveUp(new Broken('the client is gone'))
  }

  private onTimer(): void {
    const { request, options } = this
    const left = this.movedAt + options.timeoutMs - request.clock.now()
    if (left > 0) this.timer = request.clock.after(left, () => this.onTimer())
    else if (this.isClientsTurn) this.timer = request.clock.after(options.timeoutMs, () => this.onTimer())
    else this.giveUpIfStill(this.movedAt)
  }

  /** Where this process itself was held up, timers are due before what has arrived is read: that comes first. */
  private giveUpIfStill(movedAt: number): void {
    const { request, options } = this
    request.clock.soon(() => {
      if (this.isOver) return
      if (this.movedAt === movedAt) this.giveUp(new Late(`no answer within ${options.timeoutMs} ms`))
      else this.onTimer()
    })
  }

  /** While the client has to send more of the body, or to take more of the reply, the target is not late. */
  private get isClientsTurn(): boolean {
    const { upload, controller, request, isPaused } = this
    if (isPaused) return true
    const isSending = this.head === undefined && upload !== null && controller !== undefined
    return isSending && !request.body.isComplete && !upload.isPaused()
  }

  private giveUp(error: Error): void {
    this.givenUp ??= error
    if (this.controller) this.controller.abort(error)
    else this.fail(error)
  }

  private fail(error: Error): void {
    this.timer.cancel()
    if (this.isOver) return
    this.isOver = true
    this.givenUp ??= error
    const { request, options } = this
    const reason = explain(error, options.target.name)
    const isClients = error instanceof Broken || request.isOver
    request.telemetry.reason = isClients ? error.message : reason
    if (isClients) {
      this.reject(error instanceof Broken ? error : new Broken(error.message))
      this.sink?.abort()
      return
    }
    options.health.failed(reason)
    if (this.head) this.sink?.abort()
    else this.resolve(options.unanswered(request, reason))
  }
}

/** Undefined where there is none. */
function inOnePiece(chunks: readonly Buffer[]): Buffer | undefined {
  return chunks.length > 1 ? Buffer.concat(chunks) : chunks[0]
}
