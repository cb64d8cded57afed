import { kindOfCode } from '../../kvs/core/operation/operation.ts'

/**
 * What the clients of a drill saw, one record for each request, and what the log held at the end. The clients write it,
 * the checker reads it; neither knows the other.
 */
export interface Operation {
  /** Number of the client, which sends a request only after the one before was answered or given up. */
  readonly client: number
  readonly kind: 'put' | 'delete' | 'get'
  readonly key: string
  /** Id of the value that a put sent or a get read; null for 404. */
  readonly value?: string | null
  /** Time of sending in milliseconds since the drill began, on the clients' monotonic clock. */
  readonly invoked: number
  readonly returned: number
  /**
   * ok: acknowledged, or read. failed: answered that nothing was done, so that it must never show. unknown: no answer,
   * or one that leaves it open. torn: a get whose bytes are not those of any value a client makes.
   */
  readonly outcome: 'ok' | 'failed' | 'unknown' | 'torn'
  /** HTTP status; 0 without an answer. */
  readonly status: number
  /** Sequence in the answer's ETag; for 412, that of the value that the key had. */
  readonly sequence?: number
  /** Name of the node that was asked, if there are several. */
  readonly node?: string
  /** Sequence in the answer's KVS-Position: how far the node had applied the log. */
  readonly position?: number
  /** Sequence that was sent as KVS-Min-Position. */
  readonly minPosition?: number
  /** Set for a get with `?consistent`. */
  readonly isConsistent?: true
  /** Set if the answer came from the node's spool or the write went there. */
  readonly isSpooled?: true
  /** Precondition of a write. */
  readonly condition?: Condition
  /** Lifetime that a put asked for, in milliseconds. */
  readonly ttl?: number
  /** Error code of the answer; without an answer, what became of the request. */
  readonly error?: string
}

/** A sequence stands for If-Match with that entry's ETag, `present` for If-Match: *, `absent` for If-None-Match: *. */
export type Condition = number | 'present' | 'absent'

/** One row of the table `transactions`, read after all faults were healed. */
export interface LogEntry {
  readonly sequence: number
  readonly kind: 'put' | 'delete'
  readonly key: string
  /** Id of a put's value; undefined if its bytes are not whole. Of the keys of transfers, the value itself. */
  readonly value: string | undefined
  /** Set if the entry lost to another node's write: it is recorded and has no effect. */
  readonly superseded: boolean
  /** Number under which the log knows the node that wrote the entry. */
  readonly writer?: number
  /**
   * In milliseconds since 1970. On a put: when its key ends by itself. On a delete: the deadline that it records, as an
   * expiry.
   */
  readonly deadline?: number
  /** When the entry was committed, in milliseconds since 1970 by the log server's clock. */
  readonly recordedAt?: number
}

/**
 * A transfer between two accounts, by one transaction: it takes from one what it gives to the other, and puts its id
 * into its client's own key. An account begins with 0, so that all of them come to 0 at any time.
 */
export interface Transfer {
  readonly client: number
  readonly node?: string
  readonly id: string
  readonly from: string
  readonly to: string
  readonly by: number
  /** Set where the client's own key had to be as its last transfer had left it. */
  readonly isBound?: true
  readonly invoked: number
  readonly returned: number
  /** As of an `Operation`, after all repetitions under the transfer's Idempotency-Key. */
  readonly outcome: 'ok' | 'failed' | 'unknown'
  readonly status: number
  readonly error?: string
  /** Sequence of its first entry, as it was answered. */
  readonly sequence?: number
}

/** What a list of all accounts has shown. */
export interface Balances {
  readonly node?: string
  readonly invoked: number
  readonly position: number
  /** Values by account. */
  readonly balances: Readonly<Record<string, string>>
}

export const accountKey = (number: number) => `account-${number}`
export const tellerKey = (client: number) => `teller-${client}`

/** Whether a key is that of an account, or one that transfers put their ids into. */
export function isOfTransfers(key: string): boolean {
  return /^(account|teller)-/.test(key)
}

/** A fault, for the timeline. */
export interface Fault {
  readonly name: string
  readonly from: number
  /** End of the fault; absent if it has no duration, such as a kill. */
  readonly to?: number
}

export interface History {
  readonly operations: readonly Operation[]
  readonly log: readonly LogEntry[]
  /**
   * Each key's value as the node served it when all was well again, and as it did after one more SIGKILL and start;
   * null for 404. Of several nodes one after the other, then all of them again.
   */
  readonly views: readonly Readonly<Record<string, string | null>>[]
  readonly faults: readonly Fault[]
  /** Absent where nobody transfers anything, as `balances`. */
  readonly transfers?: readonly Transfer[]
  readonly balances?: readonly Balances[]
  /**
   * How far the log server's clock, in milliseconds since 1970, was ahead of the clients', from some time of theirs on.
   * Absent where that is not known.
   */
  readonly serverClock?: readonly { readonly from: number; readonly ahead: number }[]
}

/**
 * The kind of a row of the log.
 * @throws where the checker does not know it, rather than take it for another
 */
export function kindOfEntry(eventType: number): LogEntry['kind'] {
  const kind = kindOfCode(eventType, true)
  if (kind !== 'put' && kind !== 'delete') {
    throw new Error(`the log has an entry with the event_type ${eventType}, which no drill makes`)
  }
  return kind
}
