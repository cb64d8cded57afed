import type { Position } from '../position.ts'

/**
 * What an entry does to its key in the view: `set` gives it the entry's value, `remove` takes it out, `none` is of
 * another kind of key, which the view does not have.
 */
export type Effect = 'set' | 'remove' | 'none'

/**
 * One kind of operation, as the log, the spool and the view have to know it. A new kind is a file like put.ts, named in
 * `Write` and `kinds` of operation.ts, and a migration that has the log's table and the checkpoint take its code.
 */
export interface Kind<Operation extends { readonly kind: string; readonly key: string }> {
  /** Value of `kind` in memory and in the spool. */
  readonly name: Operation['kind']
  /** Value of `event_type` in the log. No other kind may ever have the same one. */
  readonly code: number
  /**
   * A kind that sets keeps `value` and `contentType` in the columns of these names; any other leaves both of them null.
   */
  readonly effect: Effect
  /**
   * Makes an operation from a row of the log or of the spool. Returns undefined where the row lacks what the kind
   * needs.
   */
  decode(
    key: string,
    value: Buffer | undefined,
    contentType: string | undefined,
    deadline: number | undefined,
    after: Position | undefined,
  ): Operation | undefined
  /**
   * What the operation says beside its kind and key. Requests with equal parts are the same request under an
   * idempotency key. The log keeps a hash of them, so they never change.
   */
  parts(operation: Operation): readonly (string | Buffer)[]
}
