import { KvsError } from '../../../../core/errors.ts'
import { Broken, type DropBody, noteWait, type Reply, type Request } from '../../../exchange/index.ts'
import { spooled } from '../../dialect.ts'
import { ClearBrokeOff } from '../../error-headers.ts'
import type { Handle } from '../../route.ts'
import type { Part } from '../../routing.ts'
import type { AskedPart } from './asked-part.ts'
import { type AnsweredPart, askParts, isOfOtherRing, type PartsRouting, positionOf, withParts } from './gather.ts'
import { strangeAnswer } from './part-failure.ts'
import { requireEverySlotOnce } from './part-slots.ts'

export interface GatheredClearOptions {
  readonly routing: PartsRouting
  readonly dropBody: DropBody
  /** Checks the request before any member is asked. Throws the error that the client is to have. */
  readonly check: (request: Request) => void
}

/** What the tries of one clear have deleted, as far as members have told. */
interface Progress {
  deleted: number
  /** Whether a member has told of any. */
  hasBegun: boolean
}

/**
 * Makes the handler that clears a collection on all members of a ring, each its own part, at the same time. One that
 * fails fails the clear, once all others are done with theirs; what they have deleted is told with the error, and stays
 * deleted. Where slots have changed hands between the answers it begins anew, since none may have deleted their keys.
 * @param own clears this node's own part
 */
export function gatheringClear(own: Handle, { routing, dropBody, check }: GatheredClearOptions): Handle {
  return async (request) => {
    const progress: Progress = { deleted: 0, hasBegun: false }
    let dropped: Promise<void> | undefined
    try {
      return await withParts(request, { routing, own }, async (parts) => {
        check(request)
        dropped ??= dropBody(request)
        await dropped
        return clearParts(request, parts, own, progress)
      })
    } catch (error) {
      if (!(error instanceof KvsError) || !progress.hasBegun) throw error
      throw new ClearBrokeOff(error, progress.deleted)
    }
  }
}

/** Rejects with the error that ends the clear, or with `not_owner` where nothing else has; then all parts are done. */
async function clearParts(request: Request, parts: readonly Part[], own: Handle, progress: Progress): Promise<Reply> {
  if (request.isOver) throw new Broken('the client is gone')
  noteWait(request, 'target')
  const asked = askParts(request, parts, { method: 'DELETE', accept: 'application/problem+json', own })
  const results = await Promise.allSettled(asked.map((one) => clearPart(one, progress)))
  for (const one of asked) one.close()
  noteWait(request, undefined)
  if (request.isOver) throw new Broken('the client is gone')
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  if (failures.length > 0) throw worstOf(failures)
  const answered = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  requireEverySlotOnce(answered)
  const ownPart = asked.find((_, at) => parts[at]?.isOwn)
  if (ownPart !== undefined) request.telemetry.stored = ownPart.request.telemetry.stored
  return replyTo(answered, progress.deleted)
}

/** Counts what the member has deleted, also where it answers with an error. Rejects as `AskedPart.success`. */
async function clearPart(asked: AskedPart, progress: Progress): Promise<AnsweredPart> {
  const reply = await asked.answer.catch((error: unknown) => {
    throw error instanceof ClearBrokeOff ? counted(error, progress) : error
  })
  const text = reply.headers.get('kvs-deleted')
  if (text !== undefined) {
    if (!/^\d{1,15}$/.test(text)) throw strangeAnswer(asked.address, `it has deleted ${JSON.stringify(text)} keys`)
    progress.deleted += Number(text)
    progress.hasBegun = true
  }
  if (reply.status !== 200 && reply.status !== 202) throw await asked.failure(reply)
  if (text === undefined) throw strangeAnswer(asked.address, 'it does not tell how many keys it has deleted')
  return { asked, reply }
}

/** This node's own clear broke off. */
function counted(error: ClearBrokeOff, progress: Progress): unknown {
  progress.deleted += error.deleted
  progress.hasBegun = true
  return error.cause ?? error
}

/** What the client has to know first: defects, then what may be stored yet. Another ring is no error as yet. */
function worstOf(failures: readonly unknown[]): unknown {
  const others = failures.filter((failure) => !isOfOtherRing(failure))
  const defect = others.find((failure) => !(failure instanceof KvsError))
  const undecided = others.find((failure) => failure instanceof KvsError && failure.code === 'undecided')
  return defect ?? undecided ?? others[0] ?? failures[0]
}

function replyTo(answered: readonly AnsweredPart[], deleted: number): Reply {
  const isSpooled = answered.some(({ reply }) => reply.status === 202)
  const headers = ['KVS-Deleted', String(deleted), 'KVS-Position', positionOf(answered)]
  return {
    status: isSpooled ? 202 : 200,
    headers: [...headers, ...(isSpooled ? spooled : []), 'Content-Length', '0'],
    body: undefined,
  }
}
