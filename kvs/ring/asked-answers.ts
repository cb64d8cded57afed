import { KvsError } from '../core/errors.ts'
import type { MovedAnswersPage } from '../core/moved-answer.ts'
import { hasSlot } from '../core/ring/slot-ranges.ts'
import { type AskedAnswers, answersPageIn, BadAnswersPage } from '../kv/index.ts'

/**
 * Reads a page of answers: of the slots that were asked for, and up to no earlier one than what was asked after.
 * @param name of the member, for an error
 * @throws KvsError cannot_forward
 */
export function answersIn(name: string, { slots, after }: AskedAnswers, answer: Buffer): MovedAnswersPage {
  try {
    const page = answersPageIn(parsed(answer))
    if (!page.answers.every(({ slot }) => hasSlot(slots, slot)))
      throw new BadAnswersPage('has an answer of a slot that was not asked for')
    // Where it has answers and goes no further, it would be asked for for ever, or not to the end.
    if (page.through < after || (page.through === after && page.answers.length > 0))
      throw new BadAnswersPage('comes up to no more than it was asked after')
    return page
  } catch (error) {
    if (!(error instanceof BadAnswersPage)) throw error
    throw new KvsError(
      'cannot_forward',
      `${name} answers with a page of answers that can’t be taken: it ${error.message}`,
    )
  }
}

function parsed(answer: Buffer): unknown {
  try {
    return JSON.parse(answer.toString())
  } catch {
    throw new BadAnswersPage('is not JSON')
  }
}
