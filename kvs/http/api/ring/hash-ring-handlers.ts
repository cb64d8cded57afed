import { KvsError } from '../../../core/errors.ts'
import { type Positions, sortedPositions } from '../../../core/ring/description.ts'
import { slotCount } from '../../../core/ring/key-slot.ts'
import { positionIn, positionsJson } from '../../../core/ring/ring-text.ts'
import type { RingService } from '../../../kv/index.ts'
import { isAddress } from '../../../lib/addresses.ts'
import { type DropBody, jsonReply, noteWait, type Request } from '../../exchange/index.ts'
import { refuseUnmet } from '../refused-headers.ts'
import type { Handle } from '../route.ts'
import type { ReceiveForm } from '../sites/form-body.ts'
import { requireNoTerms } from '../sites/members-handlers.ts'
import { quoted } from '../transactions/strict-json.ts'
import { awaitChange } from './awaited-change.ts'
import { nodesIn } from './nodes-text.ts'
import { queryFormOf } from './route-dialect.ts'
import { routedKeyIn } from './routed-key.ts'
import { done, textReply } from './text-reply.ts'

export interface HashRingOptions {
  readonly ring: RingService
  readonly receiveForm: ReceiveForm
  readonly dropBody: DropBody
}

const none: Positions = new Map()

/** Makes the handlers of the dialect that show the ring and change it, by what they do. */
export function makeHashRingHandlers({ ring, receiveForm, dropBody }: HashRingOptions) {
  const ownerOfKey: Handle = (request) => {
    const key = routedKeyIn(request, queryFormOf(request, ['key']))
    refuseUnmet(request)
    ring.requireKnown()
    return textReply(ring.ownersOf(key)[0] ?? ring.self)
  }

  const show: Handle = (request) => {
    queryFormOf(request, [])
    refuseUnmet(request)
    ring.requireKnown()
    const positions = ring.current()?.positions ?? none
    return jsonReply(200, { ring: positionsJson(positions), _sorted_keys: sortedPositions(positions) })
  }

  const replace: Handle = (request) => {
    requireNoTerms(request, request.path)
    return receiveForm(request, ['data'], async (form) => {
      const positions = nodesIn(form)
      await awaitChange(request, () => ring.replace(positions))
      return done()
    })
  }

  /** Does what the parts of the path behind its first one ask for, once the whole request is there. */
  const changing =
    (change: (parts: readonly string[]) => Promise<void>): Handle =>
    async (request) => {
      requireNoTerms(request, `/${request.path.split('/')[1]}`)
      queryFormOf(request, [])
      const parts = partsOf(request)
      noteWait(request, 'body')
      await dropBody(request)
      await awaitChange(request, () => change(parts))
      return done()
    }

  const add = changing(([position = '', address = '']) => ring.add(requirePosition(position), requireAddress(address)))
  const remove = changing(([address = '']) => ring.remove(requireAddress(address)))
  return { ownerOfKey, show, replace, add, remove }
}

/** The decoded parts of a path behind its first one. @throws KvsError bad_request */
function partsOf({ path }: Request): string[] {
  try {
    return path.split('/').slice(2).map(decodeURIComponent)
  } catch {
    throw bad('the path is not percent-encoded UTF-8: "%" is written %25')
  }
}

function requirePosition(text: string): number {
  const position = positionIn(text)
  if (position !== undefined) return position
  throw bad(`the position is ${quoted(text)}, and is to be a number from 0 to ${slotCount - 1}`)
}

function requireAddress(text: string): string {
  if (isAddress(text)) return text
  throw bad(`the address is ${quoted(text)}, and is to be IP:PORT, such as 10.0.0.2:5000`)
}

const bad = (message: string) => new KvsError('bad_request', `${message}; nothing was changed`)
