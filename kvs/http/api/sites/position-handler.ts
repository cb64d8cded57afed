import { isLogId, parsePosition } from '../../../core/position.ts'
import { maxEntryStamp } from '../../../core/rank.ts'
import type { Kv, SiteService } from '../../../kv/index.ts'
import { type DropBody, noteWait, type Reply } from '../../exchange/index.ts'
import { badQuery, readFlags } from '../query-flags.ts'
import type { Handle } from '../route.ts'

/** What the path takes. */
const known = { seen: 'seen' }

/**
 * Makes the handler by which another site asks for this node's position, once that has `seen`, if the query says so.
 * @param refreshMembers has the node know of the members what its log has
 */
export function makePositionHandler(
  store: Pick<Kv, 'waitFor' | 'position'>,
  refreshMembers: () => Promise<void>,
): Handle {
  return async (request) => {
    const text = readFlags(request.query, known).get('seen')
    if (text !== undefined) {
      const seen = parsePosition(text)
      if (seen === undefined) throw badQuery('seen has to be a position', known)
      noteWait(request, 'position')
      await store.waitFor(seen)
      noteWait(request, undefined)
      await refreshMembers()
    }
    return textReply(store.position())
  }
}

/** Makes the handler by which a site that was taken out hears that it is a member again. */
export function makeRejoinHandler(rejoin: SiteService['rejoin'], dropBody: DropBody): Handle {
  return async (request) => {
    await dropBody(request)
    const flags = readFlags(request.query, rejoinFlags)
    const [stamp, origin = ''] = [Number(flags.get('stamp')), flags.get('origin')]
    if (!(Number.isSafeInteger(stamp) && stamp > 0 && stamp <= maxEntryStamp && isLogId(origin)))
      throw badQuery('stamp has to be that of an entry, and origin the id of a log', rejoinFlags)
    await rejoin({ stamp, origin, isExpiry: false })
    return textReply('')
  }
}

const rejoinFlags = { stamp: 'stamp', origin: 'origin' }

function textReply(text: string): Reply {
  const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(text.length)]
  return { status: 200, headers: [...headers, 'Cache-Control', 'no-store'], body: text }
}
