/** What goes back for a request, whatever wire it came over. */
export interface Reply {
  readonly status: number
  /** Reason phrase; undefined for the one that goes with the status. */
  readonly reason?: string | undefined
  /** Names and values in turn. */
  readonly headers: string[]
  /** Text is sent as UTF-8. Undefined sends no body. A HEAD gets none of a text or a Buffer, but the same headers. */
  readonly body: string | Buffer | StreamedBody | undefined
}

/** A body that comes piece by piece, from another node. */
export interface StreamedBody {
  /** Called once, when the head of the reply is written. */
  open(sink: BodySink): void
}

export function isStreamed(body: Reply['body']): body is StreamedBody {
  return typeof body === 'object' && !(body instanceof Uint8Array)
}

/** Where a streamed body goes. */
export interface BodySink {
  /** False asks the source to wait for `onDrain` (backpressure). */
  write(chunk: Buffer): boolean
  /** Calls `act` once, when the client has taken what was written. */
  onDrain(act: () => void): void
  end(): void
  /** Ends the connection, so that the client does not take what it has for the whole. */
  abort(): void
}

/**
 * Headers of every stored value: a stored page must not run as this service's own (no scripts, origin or type
 * guessing).
 */
export const valueHeaders = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "default-src 'none'; sandbox",
  'Cache-Control',
  'no-cache',
]

/** Value of Retry-After, in seconds. */
export const retryAfterSeconds = '1'

export function jsonReply(status: number, body: object, headers: readonly string[] = []): Reply {
  const text = `${JSON.stringify(body)}\n`
  return {
    status,
    headers: [
      'Content-Type',
      'application/json',
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-store',
      ...(status === 503 ? ['Retry-After', retryAfterSeconds] : []),
      ...headers,
    ],
    body: text,
  }
}
