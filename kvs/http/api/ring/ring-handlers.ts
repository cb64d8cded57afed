import { KvsError } from '../../../core/errors.ts'
import { ringJson } from '../../../core/ring/ring-text.ts'
import { formatRanges } from '../../../core/ring/slot-ranges.ts'
import type { RingService } from '../../../kv/index.ts'
import { jsonReply, noteWait, type ReceiveBody, type Reply, type Request } from '../../exchange/index.ts'
import type { Handle } from '../route.ts'
import { changeIn, giveIn, ringInBody } from './ring-body.ts'
import { queryFormOf } from './route-dialect.ts'

/**
 * Makes the handlers by which the members of a ring ask each other. Each answers with what this member then knows.
 * @param receiveBody receives bodies of up to `maxRingBody`
 */
export function makeRingHandlers(ring: RingService, receiveBody: ReceiveBody) {
  /** Does what the body asks for. */
  const taking =
    (act: (body: Buffer) => Promise<void>): Handle =>
    (request) => {
      requireWholeReach(request)
      noteWait(request, 'body')
      return receiveBody(request, async (body) => {
        noteWait(request, 'target')
        await act(body)
        noteWait(request, undefined)
        return stateReply(ring)
      })
    }

  const show: Handle = async (request) => {
    requireWholeReach(request)
    // Whoever asks goes by the answer, as if it were the log's.
    await ring.catchUp()
    return stateReply(ring)
  }
  const learn = taking((body) => ring.learn(ringInBody(body)))
  const give = taking((body) => {
    const asked = giveIn(body)
    return ring.give(asked.ring, asked.isCheck)
  })
  const change = taking((body) => ring.change(changeIn(body)))
  return { show, learn, give, change }
}

/** Whose keys are whose is said for all keys. @throws KvsError bad_request, forbidden */
export function requireWholeReach(request: Request): void {
  queryFormOf(request, [])
  const prefixes = request.caller?.prefixesWithin('') ?? ['']
  if (prefixes[0] !== '') throw new KvsError('forbidden', 'a ring is of all keys, and the token has prefixes')
}

export function stateReply(service: RingService): Reply {
  const { ring, self, owns } = service.state()
  return jsonReply(200, { ring: ring === undefined ? null : ringJson(ring), self, owns: formatRanges(owns) })
}
