import { makeCollectionCalls } from './collections.ts'
import { makeKeyCalls } from './keys.ts'
import type { ListedValue, Listing, ListOptions, PageOptions } from './lists.ts'
import type {
  CallOptions,
  ClientOptions,
  OnceOptions,
  PutOptions,
  ReadOptions,
  RepeatOptions,
  WriteOptions,
} from './options.ts'
import { makeSender } from './sender.ts'
import { makeTransactionCalls } from './transaction-calls.ts'
import type { Committed, Transaction } from './transactions.ts'
import type { Meta, Value, Written } from './values.ts'

/** What a `clear` did. */
export interface Cleared {
  /** How many keys were deleted by the attempt that was answered; those before it may have deleted more. */
  readonly deleted: number
  /** Whether some of the deletes are on the node's disk alone, since the log is down. */
  readonly isSpooled: boolean
  /** As in `Written`, for the last of the deletes and those before it. */
  readonly copies: number | undefined
}

/**
 * A client of the service. Each call rejects with a `KvsError`, with its signal's reason, or with a TypeError where an
 * option is none that can be. Reads and transactions are sent again where that can help; see `WriteOptions` for the
 * rest.
 */
export interface Client {
  /** How far this client has seen the log: its reads show at least that, on any node. Empty before the first answer. */
  readonly position: string
  /**
   * Takes in what another client has seen, so that this one's reads show it.
   * @throws TypeError where it is no position
   */
  advance(position: string): void
  /** Forgets the position, so that reads may go back in time; needed where the log was replaced by another. */
  forgetPosition(): void
  /** Undefined where the key has no value. */
  get(key: string, options?: ReadOptions): Promise<Value | undefined>
  /** The value as text, with U+FFFD for bytes that are not UTF-8. */
  getText(key: string, options?: ReadOptions): Promise<string | undefined>
  /** What is known of a value, without the value. */
  head(key: string, options?: ReadOptions): Promise<Meta | undefined>
  put(key: string, value: string | Uint8Array | ArrayBuffer, options?: PutOptions): Promise<Written>
  /** Resolves also where the key had no value. */
  delete(key: string, options?: WriteOptions): Promise<Written>
  /** Keys that begin with a prefix; without one all that the token may see. */
  list(prefix?: string, options?: ListOptions & CallOptions): Listing<string>
  /** Keys with their values. */
  values(prefix?: string, options?: PageOptions & CallOptions): Listing<ListedValue>
  count(prefix?: string, options?: ReadOptions): Promise<number>
  /** Deletes the keys that begin with a prefix; an empty one is every key. */
  clear(prefix: string, options?: RepeatOptions): Promise<Cleared>
  /** Does all of it or nothing; `condition_failed` says which conditions do not hold. */
  transact(transaction: Transaction, options?: OnceOptions): Promise<Committed>
  /** Adds to a number, which begins at 0, and resolves with the sum. */
  add(key: string, by?: number | bigint, options?: OnceOptions): Promise<bigint>
  /** Lowers a number to `by` where it is higher, and resolves with what it is then. */
  min(key: string, by: number | bigint, options?: OnceOptions): Promise<bigint>
  /** Raises a number to `by` where it is lower, and resolves with what it is then. */
  max(key: string, by: number | bigint, options?: OnceOptions): Promise<bigint>
}

/** @throws TypeError where an option is none that can be */
export function makeClient(options: ClientOptions): Client {
  const { send, positions } = makeSender(options)
  return {
    get position() {
      return positions.text
    },
    advance: positions.advance,
    forgetPosition: positions.forget,
    ...makeKeyCalls(send),
    ...makeCollectionCalls(send),
    ...makeTransactionCalls(send),
  }
}
