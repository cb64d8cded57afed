/**
 * What the clients of a drill saw, one record for each request, and what the log held at the end. The clients write it,
 * the checker reads it; neither knows the other.
 */
export interface Operation {
  /** A client sends its next request only when it has given up or had an answer to the one before. */
  readonly client: number
  readonly kind: 'put' | 'delete' | 'get'
  readonly key: string
  /** Of a put, the unique id of the value sent; of a get that was ok, that of the value read, or null for 404. */
  readonly value?: string | null
  /** Milliseconds since the drill began, on the clients' own monotonic clock. */
  readonly invoked: number
  readonly returned: number
  /**
   * ok: acknowledged, or read. failed: answered that nothing was done, so that it must never show. unknown: no answer, or
   * one that leaves it open. torn: a get whose bytes are not those of any value a client makes.
   */
  readonly outcome: 'ok' | 'failed' | 'unknown' | 'torn'
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number
  /** Of the entry, from the ETag, where the answer had one: of a 412, that of the value that the key had. */
  readonly sequence?: number
  /** Which was asked, where there are several. */
  readonly node?: string
  /** Of the answer, from KVS-Position: how far the node had applied the log. */
  readonly position?: number
  /** What was sent as KVS-Min-Position. */
  readonly minPosition?: number
  /** A get of `?consistent`. */
  readonly isConsistent?: true
  /** Answered from the node's spool, or put there. */
  readonly isSpooled?: true
  /** Of a write. */
  readonly condition?: Condition
  /** What the service calls the error that it answered. Without an answer: what became of the request. */
  readonly error?: string
}

/** If-Match with the ETag of the entry with that sequence, If-Match: * (present), or If-None-Match: * (absent). */
export type Condition = number | 'present' | 'absent'

/** One row of the table `transactions`, as read when all was well again. */
export interface LogEntry {
  readonly sequence: number
  readonly kind: 'put' | 'delete'
  readonly key: string
  /** The id of the value of a put; undefined where its bytes are not whole. */
  readonly value: string | undefined
  /** Lost to a write of another node; in the log for the record, without effect. */
  readonly superseded: boolean
  /** The number that the log has for the node that wrote it. */
  readonly writer?: number
}

/** What was done to the stack, for the timeline. */
export interface Fault {
  readonly name: string
  readonly from: number
  /** Absent where it has no duration, such as a kill. */
  readonly to?: number
}

export interface History {
  readonly operations: readonly Operation[]
  readonly log: readonly LogEntry[]
  /**
   * Each key's value as the node served it when all was well again, and as it did after one more SIGKILL and start; null
   * for 404. Of several nodes one after the other, then all of them again.
   */
  readonly views: readonly Readonly<Record<string, string | null>>[]
  readonly faults: readonly Fault[]
}
