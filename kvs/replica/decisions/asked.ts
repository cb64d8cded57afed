import type { Write } from '../../core/operation/operation.ts'
import type { Put } from '../../core/operation/put.ts'
import type { Version } from '../../core/version.ts'
import type { Verdict } from '../../log/index.ts'

/**
 * Something that has to be decided on in the order of the log: a write under a condition, or a transaction. The queue
 * knows no more of it than this.
 */
export interface Asked<Result = unknown> {
  /** Weight in bytes. */
  readonly weight: number
  /** How many writes it comes to at most. */
  readonly size: number
  /** Keys of which a version is asked for. */
  readonly versionsOf: readonly string[]
  /** All keys that it has to do with. */
  keys(): readonly string[]
  readonly idempotencyKey: string | undefined
  /** As `Idempotency.request`. */
  hash(): Buffer
  decide(state: RoundState): Decision
  /**
   * The answer to its client, as the log judged what was decided last.
   * @throws KvsError where it was refused
   */
  answer(verdict: Verdict, logId: string): Result
}

/** The state that something is decided by. What is asked for here is what the decision rests on. */
export interface RoundState {
  /** Version of the key's value; undefined where it has none. Not to be asked of a key that the round has written. */
  versionOf(key: string): Version | undefined
  /** The same, whether or not its deadline has passed. */
  versionInLog(key: string): Version | undefined
  /** The key's value, which something before it in the round may have written; undefined where it has none. */
  valueOf(key: string): KeyValue | undefined
  /** The value that a key has after a write; undefined where it has none. */
  valueAfter(write: Write): KeyValue | undefined
}

export type KeyValue = Pick<Put, 'value' | 'contentType' | 'deadline'>

export interface Decision {
  /** In order; none where nothing is to be done. */
  readonly writes: readonly Write[]
  /** As in `Decided`. */
  readonly current: Version | undefined
  /** As in `Idempotency`. */
  readonly note: string | undefined
}
