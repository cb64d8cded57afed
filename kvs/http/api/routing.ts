import type { Reply, Request } from '../exchange/index.ts'

/**
 * Where requests are answered in a ring. Without one there is no routing, and each node answers itself.
 * A request that has the header KVS-Ring comes from a member: it is never passed on.
 */
export interface Routing {
  /**
   * Answers a request where its keys belong: with `local`, or with the reply of the member that it is passed on to,
   * which is asked again where the ring has changed meanwhile. Throws or rejects as `local` does; with `several_owners`
   * where no member owns all of the keys; with `not_owner` where it is not to be passed on; and with `cannot_forward`.
   * @param keys at least one
   * @param local may be called more than once, and begins anew each time
   * @param body of the request, where that was received, and stays in memory until the reply; undefined where it has
   * none, or what it had was dropped
   */
  answer(
    request: Request,
    keys: readonly string[],
    local: () => Reply | Promise<Reply>,
    body?: Buffer,
  ): Reply | Promise<Reply>
  /**
   * The members whose parts make up all keys, in order, this one among them. Undefined where the request asks for this
   * member's own part, or there is no ring. Rejects with `not_owner` where the request comes from a member that knows
   * another version of the ring.
   */
  partsFor(request: Request): Promise<readonly Part[] | undefined>
  /** How long a request is tried again whose keys, or parts, are changing hands, in milliseconds. */
  readonly waitTimeoutMs: number
}

/**
 * Answers a request where its keys belong; here where there is no ring.
 * @param local and the other parameters as `Routing.answer` has them
 */
export async function answerAtOwner(
  routing: Routing | undefined,
  request: Request,
  keys: readonly string[],
  local: () => Promise<Reply>,
  body?: Buffer,
): Promise<Reply> {
  return routing === undefined ? local() : routing.answer(request, keys, local, body)
}

/** A member's part of the keys. */
export interface Part {
  readonly address: string
  /** Whether it is this node's own. */
  readonly isOwn: boolean
  /**
   * Sends a request on for this part alone: with its own path, query and headers, but for those given here. Its body is
   * not sent. Rejects with `cannot_forward`, whose message names the member, where that gives no answer; with a
   * `NotOwner` where that knows another version of the ring, which this node then knows as well.
   */
  ask(request: Request, change?: { readonly query?: string; readonly headers?: readonly string[] }): Promise<PartReply>
}

/** What a member has answered. */
export interface PartReply {
  readonly status: number
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>
  /** Ends with an error where the connection breaks off. Read it to its end, or return from it. */
  readonly body: AsyncIterable<Buffer>
}
