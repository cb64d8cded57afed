import { ServerResponse } from 'node:http'
import type { Stored } from '../append-queue.ts'
import type { ErrorCode } from '../errors.ts'
import type { Trace } from '../trace.ts'

/** What a request is counted under, where its path is none of the service's. */
export const otherRoute = 'other'

/** What a request may wait for that is not this process's own work. */
export type Wait = 'body' | 'position' | 'log' | 'target'

/**
 * An answer on its way, with what the metrics and the log are to say of its request. Those that answer fill in what they come
 * to know: assignments, which cost nothing where nobody asks.
 */
export class Answer extends ServerResponse {
  /** When its request's headers were there, as a moment of `performance.now()`. */
  arrivedAt = 0
  isOver = false
  /** The route's pattern, never the path. */
  route = otherRoute
  key: string | undefined = undefined
  /** The value's. */
  bytes: number | undefined = undefined
  stored: Stored | undefined = undefined
  code: ErrorCode | undefined = undefined
  /** In words, beside the code. */
  reason: string | undefined = undefined
  /** Whose token the request came with. */
  by: string | undefined = undefined
  trace: Trace | undefined = undefined
  spanId: string | undefined = undefined
  /** What it waits for, or has waited for last, and since when. */
  waitsFor: Wait | undefined = undefined
  waitsSince = 0
  /** Of the waits that are over, the longest. */
  waitedFor: Wait | undefined = undefined
  waitedMs = 0

  /** From now on it waits for this; what it has waited for until now is over. */
  wait(next: Wait | undefined): void {
    const now = performance.now()
    if (this.waitsFor !== undefined && now - this.waitsSince > this.waitedMs) {
      this.waitedFor = this.waitsFor
      this.waitedMs = now - this.waitsSince
    }
    this.waitsFor = next
    this.waitsSince = now
  }
}
