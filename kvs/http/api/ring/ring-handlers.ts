import { KvsError } from '../../../core/errors.ts'
import { formatPosition, type Position } from '../../../core/position.ts'
import { ringJson } from '../../../core/ring/ring-text.ts'
import { formatRanges } from '../../../core/ring/slot-ranges.ts'
import { callOffPath, formatMovedPage, type MovedPage, movedPageType, type RingService } from '../../../kv/index.ts'
import {
  type DropBody,
  type HoldReply,
  jsonReply,
  noteWait,
  type ReceiveBody,
  type Reply,
  type Request,
} from '../../exchange/index.ts'
import type { Handle } from '../route.ts'
import { requireNoTerms } from '../sites/members-handlers.ts'
import { answersReply } from './answers-handler.ts'
import { awaitChange } from './awaited-change.ts'
import { askedChangesIn, askedKeysIn, takeIn } from './handover-body.ts'
import { changeIn, giveIn, ringInBody } from './ring-body.ts'
import { queryFormOf } from './route-dialect.ts'

export interface RingHandlersOptions {
  readonly ring: RingService
  /** Receives bodies of up to `maxRingBody`. */
  readonly receiveBody: ReceiveBody
  readonly dropBody: DropBody
  readonly holdReply: HoldReply
}

/**
 * Makes the handlers by which the members of a ring ask each other, and the one that calls a change off. Each answers
 * with what this member then knows, but for those by which keys move.
 */
export function makeRingHandlers({ ring, receiveBody, dropBody, holdReply }: RingHandlersOptions) {
  /** Does what the body asks for, and answers with what comes of it. */
  const taking =
    (act: (body: Buffer, request: Request) => Promise<Reply>): Handle =>
    (request) => {
      requireWholeReach(request)
      noteWait(request, 'body')
      return receiveBody(request, async (body) => {
        noteWait(request, 'target')
        const reply = await act(body, request)
        noteWait(request, undefined)
        return reply
      })
    }

  const show: Handle = async (request) => {
    requireWholeReach(request)
    // Whoever asks goes by the answer, as if it were the log's.
    await ring.catchUp()
    return stateReply(ring)
  }
  const learn = taking(async (body) => {
    await ring.learn(ringInBody(body))
    return stateReply(ring)
  })
  const give = taking(async (body) => {
    const asked = giveIn(body)
    const position = await ring.give(asked.ring, asked.isCheck)
    return stateReply(ring, position)
  })
  const change = taking(async (body, request) => {
    const asked = changeIn(body)
    await awaitChange(request, () => ring.change(asked))
    return stateReply(ring)
  })

  const take = taking(async (body) => {
    const asked = takeIn(body)
    const { state, keys, obstacle = null } = await ring.take(asked.ring, asked.gives)
    return jsonReply(200, { state, keys, obstacle })
  })
  const keys = taking(async (body, request) => pageReply(request, await ring.movedKeys(askedKeysIn(body)), holdReply))
  const changes = taking(async (body, request) =>
    pageReply(request, await ring.movedChanges(askedChangesIn(body)), holdReply),
  )

  const answers = taking((body) => answersReply(ring, body))

  const callOff: Handle = async (request) => {
    requireNoTerms(request, callOffPath)
    queryFormOf(request, [])
    noteWait(request, 'body')
    await dropBody(request)
    noteWait(request, 'target')
    await ring.callOff()
    noteWait(request, undefined)
    return stateReply(ring)
  }
  return { show, learn, give, change, take, keys, changes, answers, callOff }
}

/** Whose keys are whose is said for all keys. @throws KvsError bad_request, forbidden */
export function requireWholeReach(request: Request): void {
  queryFormOf(request, [])
  const prefixes = request.caller?.prefixesWithin('') ?? ['']
  if (prefixes[0] !== '') throw new KvsError('forbidden', 'a ring is of all keys, and the token has prefixes')
}

/** @param given position that the member has given its keys up at; that of its state where it has given none */
export function stateReply(service: RingService, given?: Position): Reply {
  const { ring, self, owns, position } = service.state()
  return jsonReply(200, {
    ring: ring === undefined ? null : ringJson(ring),
    ...{ self, owns: formatRanges(owns), position: formatPosition(given ?? position) },
  })
}

/** @throws KvsError overloaded where too many answers wait for their clients to take them */
function pageReply(request: Request, page: MovedPage, holdReply: HoldReply): Reply {
  const body = formatMovedPage(page)
  const type = ['Content-Type', movedPageType, 'Content-Length', String(body.length), 'Cache-Control', 'no-store']
  const reply = { status: 200, headers: type, body }
  request.telemetry.bytes = body.length
  holdReply(request, reply, body)
  return reply
}
