import { KvsError } from '../../../../core/errors.ts'
import { Broken, noteWait, type Reply, type Request } from '../../../exchange/index.ts'
import { joinPositions } from '../../freshness.ts'
import type { Handle } from '../../route.ts'
import type { Part, PartReply, Routing } from '../../routing.ts'
import { AskedPart, type PartQuestion } from './asked-part.ts'
import { strangeAnswer } from './part-failure.ts'
import { PartItems } from './part-items.ts'
import { requireEverySlotOnce } from './part-slots.ts'

/** Pauses between tries, in milliseconds: each is twice the one before. Slots are taken over meanwhile. */
const firstPauseMs = 20
const maxPauseMs = 400

/** What a request for a collection asks of the routing. */
export type PartsRouting = Pick<Routing, 'partsFor' | 'waitTimeoutMs'>

/**
 * Answers a request by the parts of all members, or by `own` where this node's own part is all that is asked for.
 * Begins anew where `act` rejects with `not_owner`: a member goes by another version of the ring, or slots have changed
 * hands between the answers. Where that is so for longer than `Routing.waitTimeoutMs`, it rejects with
 * `cannot_forward`. Rejects as `partsFor`, `own` and `act` do, and with `Broken` where the client is gone.
 * @param act is to have sent nothing to the client where it rejects with `not_owner`
 */
export async function withParts(
  request: Request,
  { routing, own }: { readonly routing: PartsRouting; readonly own: Handle },
  act: (parts: readonly Part[]) => Promise<Reply>,
): Promise<Reply> {
  let endsAt: number | undefined
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
    const parts = await routing.partsFor(request)
    if (parts === undefined) return own(request)
    try {
      return await act(parts)
    } catch (error) {
      if (!isOfOtherRing(error)) throw error
      // From the first failure on, since a try of a large list or clear may take longer than all of this.
      endsAt ??= request.clock.now() + routing.waitTimeoutMs
      const leftMs = endsAt - request.clock.now()
      if (leftMs <= 0) throw ringIsChanging(routing.waitTimeoutMs, error)
      await request.clock.sleep(Math.min(pauseMs, leftMs))
      if (request.isOver) throw new Broken('the client is gone')
    }
  }
}

export function isOfOtherRing(error: unknown): boolean {
  return error instanceof KvsError && error.code === 'not_owner'
}

function ringIsChanging(waitTimeoutMs: number, cause: unknown): KvsError {
  return new KvsError(
    'cannot_forward',
    `the ring is being changed, and for ${waitTimeoutMs} ms its members’ parts did not make up all keys: try again`,
    { cause },
  )
}

/** A part with the answer of its member, whose status is 2xx. */
export interface AnsweredPart {
  readonly asked: AskedPart
  readonly reply: PartReply
}

/** The answers of all members to one request. */
export interface Gathered {
  readonly parts: readonly AnsweredPart[]
  /** Position that covers those of all answers. */
  readonly position: string
  /** Lets go of all answers. It is also called where the client goes away. */
  close(): void
}

/**
 * Asks all members for their parts at once. On return all have answered, with a status of 2xx, and show every slot
 * once; otherwise it rejects with `not_owner`. Rejects with the first error that one of them answers with, or is, and
 * with `Broken` where the client is gone. Nothing is left open then.
 */
export async function gather(request: Request, parts: readonly Part[], question: PartQuestion): Promise<Gathered> {
  if (request.isOver) throw new Broken('the client is gone')
  const asked = askParts(request, parts, question)
  const close = () => {
    for (const one of asked) one.close()
  }
  noteWait(request, 'target')
  try {
    const replies = await Promise.all(asked.map((one) => one.success()))
    noteWait(request, undefined)
    if (request.isOver) throw new Broken('the client is gone')
    const answered = asked.map((one, at) => ({ asked: one, reply: replies[at] as PartReply }))
    requireEverySlotOnce(answered)
    return { parts: answered, position: positionOf(answered), close }
  } catch (error) {
    close()
    throw error
  }
}

/** Asks all members at once. Where the client goes away, each part is let go of, and what the request holds already. */
export function askParts(request: Request, parts: readonly Part[], question: PartQuestion): AskedPart[] {
  const asked = parts.map((part) => new AskedPart(part, request, question))
  const others = request.resource
  request.resource = {
    release() {
      for (const one of asked) one.close()
      others?.release()
    },
  }
  return asked
}

/**
 * The least position that covers those of all answers.
 * @throws KvsError cannot_forward where one has none
 */
export function positionOf(answered: readonly AnsweredPart[]): string {
  const positions = answered.map(({ asked, reply }) => {
    const position = reply.headers.get('kvs-position')
    if (position === undefined) throw strangeAnswer(asked.address, 'it tells no KVS-Position')
    return position
  })
  return joinPositions(positions.filter((position) => position !== ''))
}

/**
 * The items that the answers to a request for NDJSON have.
 * @param onBytes called with the bytes of each chunk that is read
 * @throws KvsError cannot_forward where one has none
 */
export function itemsOf(
  { parts }: Gathered,
  shows: 'keys' | 'values',
  onBytes?: (bytes: number) => void,
): readonly PartItems[] {
  return parts.map(({ asked, reply }) => {
    const { address } = asked
    if (reply.headers.get('content-type') !== 'application/x-ndjson') {
      throw strangeAnswer(address, 'its list is no NDJSON')
    }
    return new PartItems({ address, chunks: asked.body(reply), shows, onBytes })
  })
}
