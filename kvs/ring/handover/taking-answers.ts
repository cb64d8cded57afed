import type { AnswerService, AskedAnswers } from '../../kv/index.ts'
import type { KeyMover } from '../../log/index.ts'

/**
 * Takes the answers that another member has for the slots that this one is to own, page by page, and keeps them in this
 * member's log. It may be called again and again, from where it was, and once more after the other one has given the
 * slots: then all is here. An idempotency key that is in use here already keeps the answer that it has. Rejects as
 * `from` and `mover` do.
 * @param asked with the number after which to begin; 0n where nothing is known to be here
 * @param ringEntry sequence of the entry on the ring that this member goes by
 * @returns the number to go on after; undefined where the log has a newer entry on the ring, and kept nothing more
 */
export async function takeAnswers(
  from: AnswerService,
  mover: Pick<KeyMover, 'keepAnswers'>,
  asked: AskedAnswers,
  ringEntry: bigint,
): Promise<bigint | undefined> {
  for (let { after } = asked; ; ) {
    const { answers, through, isLast } = await from.movedAnswers({ ...asked, after })
    if (answers.length > 0 && !(await mover.keepAnswers(answers, ringEntry))) return undefined
    // Others may be answered there all the time: what counts is what there was when the pass began.
    if (isLast || through <= after) return through
    after = through
  }
}
