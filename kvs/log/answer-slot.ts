import { slotOf } from '../core/ring/key-slot.ts'
import type { Decided } from './log.ts'

/**
 * Slot that the answer to what was decided moves with: that of the first key that it rests on, or else that it writes.
 * All keys of a request that is repeated are at one member, so that any of them leads to its answer. Undefined where
 * no answer is kept.
 */
export function slotOfAnswer({ idempotency, reads, writes }: Decided): number | undefined {
  const key = idempotency && (reads[0] ?? writes[0]?.key)
  return key === undefined ? undefined : slotOf(key)
}
