import type { RetryOptions } from './retries.ts'
import type { Lifetime } from './values.ts'

export interface ClientOptions {
  /** Address of a node, a forwarding node or a balancer: `http://localhost:8080`. */
  readonly url: string | URL
  /** Sent as `Authorization: Bearer TOKEN`. */
  readonly token?: string | undefined
  /** Longest time of a call in milliseconds, with all its attempts; 30,000 by default. */
  readonly timeoutMs?: number | undefined
  /** Of calls that may be repeated; false sends everything once. */
  readonly retry?: RetryOptions | false | undefined
  /** The platform's own by default. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** A position that another client has seen, so that this one sees what that one wrote. */
  readonly position?: string | undefined
}

export interface CallOptions {
  /** Gives the call up: it rejects with the signal's reason. A write may be done all the same. */
  readonly signal?: AbortSignal | undefined
  /** Longest time of this call in milliseconds, instead of the client's. */
  readonly timeoutMs?: number | undefined
}

export interface ReadOptions extends CallOptions {
  /** Shows all that any node acknowledged before; fails with `log_down` while the log is down. */
  readonly consistent?: boolean | undefined
}

export interface RepeatOptions extends CallOptions {
  /**
   * Whether the write may be done twice, and so be sent again where no answer comes. The second time it may overwrite
   * what others have written since.
   */
  readonly repeatable?: boolean | undefined
}

/** A write on any of these terms but `repeatable` needs the log, and happens once however often it is sent. */
export interface WriteOptions extends RepeatOptions {
  /** ETags with their quotes, one of which the value is to have; `*` for any value. */
  readonly ifMatch?: string | readonly string[] | undefined
  /** ETags with their quotes, none of which the value may have; `*` where the key is to have no value. */
  readonly ifNoneMatch?: string | readonly string[] | undefined
  /** 1 to 255 printable ASCII characters. A conditional write has one of its own otherwise. */
  readonly idempotencyKey?: string | undefined
}

export interface PutOptions extends WriteOptions, Lifetime {
  /** Kept with the value. */
  readonly contentType?: string | undefined
}

/** It happens once, however often it is sent. */
export interface OnceOptions extends CallOptions {
  /** One that the caller keeps, to ask again for the same answer later; a new one by default. */
  readonly idempotencyKey?: string | undefined
}
