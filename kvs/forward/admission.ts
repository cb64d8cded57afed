import type { IncomingMessage } from 'node:http'
import { keyFor } from '../http/api/index.ts'
import {
  type Answer,
  authorizationOf,
  type Guard,
  keyRights,
  type RenderError,
  renderAsAccepted,
  renderAsErrorJson,
} from '../http/exchange/index.ts'
import { idempotencyKeyOnward } from './onward-headers.ts'

/**
 * Asks of a request what the node that it is for would: a target that is reached by nobody but forwarders may know no
 * tokens. What is no key is for an administrator to ask for.
 * @param answer is told who the caller is
 * @param path with the query
 * @throws KvsError unauthorized, forbidden, too_many_requests, bad_key, bad_request
 */
export function admit(request: IncomingMessage, answer: Answer, path: string, guard: Guard): void {
  const caller = guard.admit(authorizationOf(request), request.socket)
  answer.about.caller = caller
  const [, , key] = inDialect.exec(path) ?? []
  if (key === undefined) {
    caller.require('admin')
  } else {
    caller.require(keyRights[request.method ?? ''] ?? 'write')
    keyFor(answer, key)
  }
  idempotencyKeyOnward(request, caller)
}

/** As the target would write it. */
export function renderFor(path: string): RenderError {
  return inDialect.exec(path)?.[1] === 'kvs' ? renderAsErrorJson : renderAsAccepted
}

const inDialect = /^\/(v1|kvs)\/([^?]*)/
