import type { LogPoint } from './entry.ts'

/**
 * What a log has answered under an idempotency key, as it goes to the log that the key of the request has moved to. A
 * request that is repeated there gets the same answer. It stays as it is, however often it moves.
 */
export interface MovedAnswer {
  /** The idempotency key. */
  readonly key: string
  /** As `Idempotency.request`. */
  readonly request: Buffer
  /** Slot of the key that the request is about; of a transaction, that of one of its keys. */
  readonly slot: number
  /** Id of the log that has answered. */
  readonly logId: string
  /** The first entry, in that log; undefined where nothing was stored. */
  readonly entry: LogPoint | undefined
  /** Tag of the value that the key had before a single write; undefined where it had none. */
  readonly currentTag: string | undefined
  /** As `Idempotency.note`. */
  readonly note: string | undefined
}

/** Answers of a log, in the order in which it gave them: a bounded part of those after a number. */
export interface MovedAnswersPage {
  readonly answers: readonly MovedAnswer[]
  /** Number of the last answer that the page has looked at: the next page begins after it. */
  readonly through: bigint
  /** Whether the log had no more than that when the page was read. */
  readonly isLast: boolean
}

/** Bounds of a page: how many answers it looks at, and after how many bytes of keys and notes it ends. */
export const answersPageLimits = { answers: 1_000, bytes: 512 * 1024 }
