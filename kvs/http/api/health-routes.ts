import type { Status } from '../../kv/index.ts'
import { answerJson, type Guard, seesInside } from '../exchange/index.ts'
import { type Handle, type Methods, positionHeader, rights } from './dispatcher.ts'

/** /livez answers as long as the process runs; whether Postgres does is no matter of life. */
export function liveness(store: { position(): string }, guard: Guard | undefined): Methods {
  const get: Handle = (request, response) => {
    const position = seesInside(request, guard) ? store.position() : ''
    answerJson(request, response, 200, { live: true }, positionHeader(position))
  }
  return { GET: get, HEAD: get, [rights]: 'open' }
}

/**
 * /readyz answers 200 only while /v1 is worth asking: reads go on while the log is down. A balancer, which has no token,
 * is told that much and the state; all else is for whoever may see inside.
 */
export function readiness(store: { status(): Status; position(): string }, guard: Guard | undefined): Methods {
  const get: Handle = (request, response) => {
    const status = store.status()
    const code = status.state === 'serving' || status.state === 'log down' ? 200 : 503
    if (seesInside(request, guard)) answerJson(request, response, code, status, positionHeader(store.position()))
    else answerJson(request, response, code, { state: status.state })
  }
  return { GET: get, HEAD: get, [rights]: 'open' }
}
