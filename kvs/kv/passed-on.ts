import type { SeenValue } from '../core/entry.ts'
import type { Delete } from '../core/operation/delete.ts'
import type { Put } from '../core/operation/put.ts'

/** Where a member is asked to do what another one has in its spool, and does not own any more. */
export const spooledPath = '/ring/spooled'

/** A write that a node has accepted while its log was down, and that belongs to another log by now. */
export interface PassedOnWrite {
  readonly write: Put | Delete
  /** The same each time this write is passed on, and no other write’s. */
  readonly idempotencyKey: string
  /** As `SpooledWrite.seen`. Undefined where nobody knows: then the write is done whatever the key has. */
  readonly seen: SeenValue | undefined
}
