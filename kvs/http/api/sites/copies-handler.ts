import type { SiteService } from '../../../kv/index.ts'
import { jsonReply } from '../../exchange/index.ts'
import { badQuery, readFlags } from '../query-flags.ts'
import type { Handle } from '../route.ts'

/** What the path takes. */
const known = { log: 'log', sequence: 'sequence' }

/** Makes the handler by which another site asks how far this one's log has its entries. */
export function makeCopiesHandler(copyOf: SiteService['copyOf']): Handle {
  return async (request) => {
    const flags = readFlags(request.query, known)
    const [log = '', digits = ''] = [flags.get('log'), flags.get('sequence')]
    if (!/^[0-9a-z._-]{1,64}$/i.test(log)) throw badQuery('log has to be the id of the log that asks', known)
    if (!/^\d{1,19}$/.test(digits)) throw badQuery('sequence has to be a number, a place in that log', known)
    const { holder, sequence, stamp = null } = await copyOf({ log, sequence: BigInt(digits) })
    return jsonReply(200, { log: holder, sequence: String(sequence), stamp })
  }
}
