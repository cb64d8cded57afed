import { KvsError } from '../../../core/errors.ts'
import type { Timer } from '../../../lib/clock.ts'
import {
  type BodySink,
  noteWait,
  type Request,
  type Resource,
  requestIdOf,
  type StreamedBody,
} from '../../exchange/index.ts'
import type { DefectLog } from '../lists/list-stream.ts'

/** How often an answer that is not there yet gives a sign of life, in milliseconds. */
const signMs = 1_000
const sign = Buffer.from('\n')

/** Settles as the text does; undefined where it takes so long that a sign of life is due. */
export async function withinSign({ clock }: Request, text: Promise<string>): Promise<string | undefined> {
  const { promise: due, resolve } = Promise.withResolvers<undefined>()
  const timer = clock.after(signMs, () => resolve(undefined))
  try {
    return await Promise.race([text, due])
  } finally {
    timer.cancel()
  }
}

export interface AwaitedTextOptions {
  /** What goes in place of the text where that rejects, by the sentence of a KvsError. */
  readonly explain: (sentence: string) => string
  /** Takes all other errors. */
  readonly log: DefectLog
}

/** A body that is a text which is not there yet. It begins with a newline every second until then. */
export class AwaitedText implements StreamedBody, Resource {
  private readonly request: Request
  private readonly text: Promise<string>
  private readonly options: AwaitedTextOptions
  private timer: Timer | undefined
  private isOver = false
  /** Whether the client takes what it is sent. */
  private isTaken = true

  constructor(request: Request, text: Promise<string>, options: AwaitedTextOptions) {
    this.request = request
    this.text = text
    this.options = options
    // It is awaited once the body is opened.
    text.catch(() => undefined)
  }

  open(sink: BodySink): void {
    if (this.isOver) return
    this.giveSign(sink)
    this.timer = this.request.clock.every(signMs, () => this.giveSign(sink))
    this.text.then(
      (text) => this.end(sink, text),
      (error: unknown) => this.end(sink, this.options.explain(this.sentenceOf(error))),
    )
  }

  /** The reply is out, or the client gone. */
  release(): void {
    this.isOver = true
    this.timer?.cancel()
  }

  private giveSign(sink: BodySink): void {
    if (!this.isTaken) return
    this.isTaken = sink.write(sign)
    if (!this.isTaken) sink.onDrain(() => this.note())
  }

  private note(): void {
    this.isTaken = true
  }

  private end(sink: BodySink, text: string): void {
    if (this.isOver) return
    this.release()
    noteWait(this.request, undefined)
    sink.write(Buffer.from(text))
    sink.end()
  }

  private sentenceOf(error: unknown): string {
    const known = error instanceof KvsError ? error : new KvsError('internal')
    const { telemetry } = this.request
    telemetry.code = known.code
    if (known !== error)
      this.options.log.error({ err: error, traceId: requestIdOf(this.request) }, 'an answer broke off')
    return known.message
  }
}
