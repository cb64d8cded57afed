import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { Caller } from './caller.ts'
import type { Reply } from './reply.ts'
import type { Telemetry } from './telemetry.ts'

/** A request as handlers see it, whatever wire it came over. headers.ts reads its headers. */
export interface Request {
  readonly method: string
  /** Request target as it came over the wire (RFC 9112, 3.2): a path with its query, an absolute URL, or `*`. */
  readonly target: string
  /** Path of the target, percent-encoded as it came. */
  readonly path: string
  /** What follows the "?" of the target; empty where there is none. */
  readonly query: string
  /** Version of HTTP: `1.1` or `1.0`. */
  readonly version: string
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[]
  /** Stands for the client's connection; the same object for all its requests. */
  readonly connection: object
  /** Whether the connection speaks TLS. */
  readonly isEncrypted: boolean
  /** Whether more of the body is still to come. A reply that does not wait for it has to close the connection. */
  readonly isUploading: boolean
  /** Whether the reply is out or the connection gone, so that `resource` is not released any more. */
  readonly isOver: boolean
  readonly body: RequestBody
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly random: Random
  /** Authenticated caller; undefined when tokens are off or authentication failed. */
  caller: Caller | undefined
  /** Released once, when the reply is out or the connection is gone. */
  resource: Resource | undefined
  /** Lets nothing move on the connection for as long as it takes, until the function that this returns is called. */
  liftIdleTimeout(): () => void
}

/**
 * What a request holds until it is over: memory, or a request of its own to another node. It is an object, not a
 * closure: with a closure stored in each request, a forwarder took half as much CPU time again, nearly all of it for
 * garbage collection.
 */
export interface Resource {
  release(): void
}

/** The body of a request, which arrives piece by piece. Nobody reads it twice. */
export interface RequestBody {
  /** Whether all of it has arrived. */
  readonly isComplete: boolean
  /** Begins to hand it out. Tells a client that waits for `100 Continue` to go on. */
  read(reader: BodyReader): void
  /** Stops handing it out: the reader is called no more, and what still comes is dropped. */
  stop(): void
  /** Asks the client to wait, by TCP's flow control (backpressure). */
  pause(): void
  resume(): void
}

export interface BodyReader {
  /** The chunk belongs to the reader. */
  onChunk(chunk: Buffer): void
  onEnd(): void
  /** The client went away before the end. May be called while `read` runs. */
  onBreak(): void
}

/** A request together with the way back for its reply: what a wire hands to the server. */
export interface Exchange extends Request {
  /** Whether some of a reply may be on its way already. */
  readonly isReplying: boolean
  /** Sends the reply. Throws where its headers are not valid. */
  send(reply: Reply): void
  /** Ends the connection in the middle of a reply, so that the client does not take what it has for the whole. */
  abort(): void
}
