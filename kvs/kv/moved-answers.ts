import type { MovedAnswersPage } from '../core/moved-answer.ts'
import type { SlotRanges } from '../core/ring/slot-ranges.ts'

/** Where a member that takes keys asks for the answers that were kept for requests about them. */
export const movedAnswersPath = '/ring/answers'

/** What a member that gives keys is asked for by the one that takes them. */
export interface AnswerService {
  /**
   * The answers that this member's log keeps for idempotency keys, of requests about keys of some slots; as
   * `EntryReader.readAnswers`. Rejects as `RingService.movedKeys`, and with `log_down` where the log can't be asked.
   */
  movedAnswers(asked: AskedAnswers): Promise<MovedAnswersPage>
}

export interface AskedAnswers {
  readonly ringId: string
  /** Version by which the slots are to change hands. */
  readonly version: number
  readonly slots: SlotRanges
  /** The page begins after the answer with this number; 0n for the first one. */
  readonly after: bigint
}
