import { type AnswerService, answersPageJson } from '../../../kv/index.ts'
import { jsonReply, type Reply } from '../../exchange/index.ts'
import { askedAnswersIn } from './handover-body.ts'

/**
 * Answers with a page of what a member keeps for idempotency keys, as JSON.
 * @param body what is asked for
 */
export async function answersReply(ring: AnswerService, body: Buffer): Promise<Reply> {
  return jsonReply(200, answersPageJson(await ring.movedAnswers(askedAnswersIn(body))))
}
