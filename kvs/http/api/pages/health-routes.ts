import type { Kv } from '../../../kv/index.ts'
import { type Guard, jsonReply, maySeeDetails } from '../../exchange/index.ts'
import { positionHeader } from '../error-headers.ts'
import type { Handle, Route } from '../route.ts'

/** A page that is open to all, for balancers and the like. */
export function healthRoute(get: Handle): Route {
  return { methods: { GET: get, HEAD: get }, rights: 'open' }
}

/** /livez answers as long as the process runs, whether or not Postgres does. */
export function liveness(position: () => string, guard: Guard | undefined): Route {
  return healthRoute((request) => {
    const shown = maySeeDetails(request, guard) ? position() : ''
    return jsonReply(200, { live: true }, positionHeader(shown))
  })
}

/**
 * /readyz answers 200 only while /v1 is worth asking: reads go on while the log is down. A balancer, which has no
 * token, gets the status code and the state; all else is for callers who may see details.
 */
export function readinessOf(store: Pick<Kv, 'status' | 'position'>, guard: Guard | undefined): Handle {
  return (request) => {
    const status = store.status()
    const code = status.state === 'serving' || status.state === 'log down' ? 200 : 503
    if (!maySeeDetails(request, guard)) return jsonReply(code, { state: status.state })
    return jsonReply(code, status, positionHeader(store.position()))
  }
}
