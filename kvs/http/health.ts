import type { Status } from '../status.ts'
import { answerJson } from './answers.ts'
import { type Methods, positionHeader } from './routes.ts'

/** /livez answers as long as the process runs; whether Postgres does is no matter of life. */
export function liveness(store: { position(): string }): Methods {
  const get: Methods[string] = (request, response) =>
    answerJson(request, response, 200, { live: true }, positionHeader(store.position()))
  return { GET: get, HEAD: get }
}

/** /readyz answers 200 only while /v1 is worth asking: reads go on while the log is down. */
export function readiness(store: { status(): Status; position(): string }): Methods {
  const get: Methods[string] = (request, response) => {
    const status = store.status()
    const isReady = status.state === 'serving' || status.state === 'log down'
    answerJson(request, response, isReady ? 200 : 503, status, positionHeader(store.position()))
  }
  return { GET: get, HEAD: get }
}
