import type { EarlierVersion } from '../../../kvs/core/earlier-version.ts'
import type { RingEntry } from '../../../kvs/core/ring/description.ts'
import type { Operation } from '../history.ts'

/**
 * A request at some member, and its answer. Repetitions under its Idempotency-Key are one with it: it lasts from the
 * first request to the last answer, and has the outcome of all of them together.
 */
export interface RingOperation extends Operation {
  readonly node: string
  /** ETag of the answer, without its quotes; of a 412, that of the value that the key had. */
  readonly tag?: string
  /** Tag that was sent as If-Match; `condition` then has its sequence. */
  readonly ifMatch?: string
  /** How often it was asked for; absent for once. */
  readonly tries?: number
}

/** An addition of 1 to a counter, by its `value` the sum that was answered. */
export type RingAddition = RingOperation & { readonly kind: 'put' }

/** A write that was acknowledged, asked for once more under its Idempotency-Key after that. */
export interface Repetition {
  readonly of: RingOperation
  readonly node: string
  readonly status: number
  readonly tag: string | undefined
}

/** One row of a member's log. */
export interface RingLogEntry {
  readonly sequence: number
  readonly kind: 'put' | 'delete' | 'ring'
  readonly key: string
  /** As `LogEntry.value`; of a counter, its digits. */
  readonly value: string | undefined
  /** Tag of the version that the entry is in its own log. */
  readonly tag: string
  /** Set on what moved the key between logs: the version that the value, or the deleted copy, had before. */
  readonly earlier: EarlierVersion | undefined
  readonly superseded: boolean
  readonly deadline: number | undefined
  /** When it was committed, in milliseconds since 1970. */
  readonly recordedAt: number
  /** Set on entries on the ring. */
  readonly ring: RingEntry | undefined
}

/** A member's log, read past the service. */
export interface RingLog {
  /** Name of the member's node. */
  readonly member: string
  /** Address of the member in the ring. */
  readonly address: string
  readonly logId: string
  readonly entries: readonly RingLogEntry[]
}

/** What a node served when all was well again. */
export interface RingView {
  readonly node: string
  /** Each key's value, whoever owns it; null for 404. Without counters. */
  readonly values: Readonly<Record<string, string | null>>
  /** Keys that the node lists as its own, under the header KVS-Ring. */
  readonly own: readonly string[]
}

/** What clients of a ring saw, and what was there in the end. */
export interface RingHistory {
  readonly operations: readonly RingOperation[]
  readonly additions: readonly RingAddition[]
  readonly repetitions: readonly Repetition[]
  readonly logs: readonly RingLog[]
  readonly views: readonly RingView[]
}

export const counterKey = (number: number) => `counter/${number}`

export function isCounter(key: string): boolean {
  return key.startsWith('counter/')
}
