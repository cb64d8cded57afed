import type { BatchEnd } from '../core/entry.ts'
import type { SlotRanges } from '../core/ring/slot-ranges.ts'

/** What a member of a ring asks of its own log, beside the session of a node. */
export interface RingLog {
  /**
   * Appends an entry of the kind `ring`. On return it is committed and durable, and no session of the log appends any
   * more before it has told that it has seen the entry. Rejects as `Log.open`, and as `LogSession.append`.
   * @param seen sequence that the entry is based on
   * @param vacated slots that the log had, and that the entry gives away: none of their keys may have a value
   * @returns undefined where nothing was stored: there is another entry of the kind after `seen`, or one that gave a
   * value to a key of the slots `vacated`
   */
  append(text: string, seen: bigint, vacated: SlotRanges): Promise<BatchEnd | undefined>
}
