import type { Request, Resource } from '../../../exchange/index.ts'

/** Headers of a body, which is not sent to a part. */
const bodyHeaders = ['content-length', 'transfer-encoding', 'expect']

const noBody: Request['body'] = {
  isComplete: true,
  read: (reader) => reader.onEnd(),
  stop: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
}

interface PartRequestChange {
  readonly method: string
  /** What the reply is to be like, in place of what the client accepts. */
  readonly accept: string
  /** Whether what happens to it is told apart from what the whole request tells of itself. */
  readonly isOwn: boolean
}

/**
 * A request for one member's part of a list, made of the request for the whole. It has a resource of its own, so that
 * each part is let go of by itself, and no body.
 */
export class PartRequest implements Request {
  readonly method: string
  readonly headers: readonly string[]
  readonly telemetry: Request['telemetry']
  readonly isUploading = false
  readonly body = noBody
  resource: Resource | undefined = undefined
  private readonly whole: Request
  /** Whether `end` was called. */
  isClosed = false

  constructor(whole: Request, { method, accept, isOwn }: PartRequestChange) {
    const dropped = new Set([...bodyHeaders, 'accept'])
    const kept = whole.headers.filter((_, at) => !dropped.has((whole.headers[at - (at % 2)] ?? '').toLowerCase()))
    this.whole = whole
    this.method = method
    this.headers = [...kept, 'Accept', accept]
    this.telemetry = isOwn ? { ...whole.telemetry } : whole.telemetry
  }

  get target(): string {
    return this.whole.target
  }

  get path(): string {
    return this.whole.path
  }

  get query(): string {
    return this.whole.query
  }

  get version(): string {
    return this.whole.version
  }

  get connection(): object {
    return this.whole.connection
  }

  get isEncrypted(): boolean {
    return this.whole.isEncrypted
  }

  get clock(): Request['clock'] {
    return this.whole.clock
  }

  get random(): Request['random'] {
    return this.whole.random
  }

  get caller(): Request['caller'] {
    return this.whole.caller
  }

  get isOver(): boolean {
    return this.isClosed || this.whole.isOver
  }

  liftIdleTimeout(): () => void {
    return this.whole.liftIdleTimeout()
  }

  /** Nobody wants the reply any more, or it was taken. */
  end(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.resource?.release()
    this.resource = undefined
  }
}
