import type { IncomingMessage } from 'node:http'
import makeRouter from 'find-my-way'
import type { Logger } from 'pino'
import type { Right } from '../../access/index.ts'
import { ConditionFailed, KvsError, NotAdmitted } from '../../core/errors.ts'
import {
  type Answer,
  answerError,
  authorizationOf,
  Broken,
  type Caller,
  type Guard,
  isHostGiven,
  pathOf,
  type RenderError,
  requestIdOf,
} from '../exchange/index.ts'

/**
 * @param path the request's path as it came over the wire, without the query
 * @param query what comes after the "?"; empty where there is none
 */
export type Handle = (request: IncomingMessage, response: Answer, path: string, query: string) => void | Promise<void>

/** The key, beside the methods, of how a dialect's errors look. */
export const errorsAs = Symbol('errorsAs')

/** The key, beside the methods, of the right that each of them asks a caller for; of 'open' where none is. */
export const rights = Symbol('rights')

/** What a path takes; a method that is not among these is answered with 405 and their names. */
export type Methods = Readonly<Record<string, Handle>> & {
  readonly [errorsAs]?: RenderError
  readonly [rights]: 'open' | Readonly<Record<string, Right>>
}

/** By path, in find-my-way's syntax. */
export type Routes = Readonly<Record<string, Methods>>

/**
 * Answers each request by its path and method, and each error that a handler throws.
 * @param position goes with each of these answers, unless it is empty, or the caller nobody known
 * @param guard undefined where everybody may do everything
 */
export function makeDispatcher(routes: Routes, logger: Pick<Logger, 'error'>, position: () => string, guard?: Guard) {
  // Methods are told apart below, so that the router only knows paths.
  const router = makeRouter()
  for (const [path, methods] of Object.entries(routes)) router.get(path, () => undefined, { path, methods })

  function routeOf(path: string): { path: string; methods: Methods } | undefined {
    // The router takes * for the path /
    if (!path.startsWith('/')) return undefined
    // The router would decode the path, and fail on one that a key's own rules can say more about.
    return router.find('GET', path.includes('%') ? path.replaceAll('%', '_') : path)?.store
  }

  function handlerOf(methods: Methods | undefined, method: string): Handle {
    if (methods === undefined) throw new KvsError('no_such_page')
    const handle = methods[method]
    if (handle === undefined) throw new MethodNotAllowed(Object.keys(methods))
    return handle
  }

  function fail(request: IncomingMessage, response: Answer, error: unknown, methods?: Methods): void {
    const isKnown = guard === undefined || response.about.caller !== undefined
    const place = () => positionHeader(isKnown ? position() : '')
    answerFailure(request, response, error, logger, { renderAs: methods?.[errorsAs], headers: place })
  }

  return function dispatch(request: IncomingMessage, response: Answer): void {
    let methods: Methods | undefined
    try {
      const [path, query] = split(request.url ?? '')
      const route = routeOf(path)
      methods = route?.methods
      // Those without methods are there for their errors' looks
      if (route !== undefined && Object.keys(route.methods).length > 0) response.about.route = route.path
      if (!isHostGiven(request)) throw new KvsError('bad_request', 'a request needs one Host header (RFC 9112, 3.2)')
      const caller = guard && admit(request, methods, guard)
      response.about.caller = caller
      const handle = handlerOf(methods, request.method ?? '')
      if (caller !== undefined) requireRight(caller, methods, request.method ?? '')
      handle(request, response, path, query)?.catch((error) => fail(request, response, error, methods))
    } catch (error) {
      fail(request, response, error, methods)
    }
  }
}

/**
 * Answers what a handler has thrown. What is no KvsError is a defect: it is logged, and answered `internal`. An answer that
 * has begun breaks off; to a client that has broken off there is none.
 * @param headers those that go with the answer beside the error's own
 */
export function answerFailure(
  request: IncomingMessage,
  response: Answer,
  error: unknown,
  logger: Pick<Logger, 'error'>,
  { renderAs, headers }: { renderAs?: RenderError | undefined; headers?: () => readonly string[] } = {},
): void {
  if (error instanceof Broken) return
  if (response.headersSent) {
    logger.error({ err: error, traceId: requestIdOf(response) }, 'an answer broke off')
    response.destroy()
    return
  }
  const known = error instanceof KvsError ? error : new KvsError('internal')
  if (known !== error) {
    logger.error({ err: error, traceId: requestIdOf(response) }, `${request.method} ${pathOf(request)} failed`)
  }
  answerError(request, response, known, [...(headers?.() ?? []), ...headersOf(known)], renderAs)
}

export function positionHeader(position: string): string[] {
  return position === '' ? [] : ['KVS-Position', position]
}

/** Before a request's body is read, and before it is told what the path takes. */
function admit(request: IncomingMessage, methods: Methods | undefined, guard: Guard): Caller | undefined {
  const isOpen = methods === undefined || methods[rights] === 'open'
  return isOpen ? undefined : guard.admit(authorizationOf(request), request.socket)
}

/** A method that no right was named for asks for the greatest. */
function requireRight(caller: Caller, methods: Methods | undefined, method: string): void {
  const named = methods?.[rights]
  caller.require((typeof named === 'object' ? named[method] : undefined) ?? 'admin')
}

export function headersOf(error: KvsError): string[] {
  if (error instanceof NotAdmitted) return ['WWW-Authenticate', error.challenge]
  if (error instanceof MethodNotAllowed) return ['Allow', error.allowed.join(', ')]
  if (error instanceof ConditionFailed && error.tag !== undefined) return ['ETag', `"${error.tag}"`]
  // RFC 9110, 12.5.3
  if (error.code === 'unsupported_encoding') return ['Accept-Encoding', 'identity']
  return []
}

class MethodNotAllowed extends KvsError {
  readonly allowed: readonly string[]
  constructor(allowed: readonly string[]) {
    super('method_not_allowed', sentenceOn(allowed))
    this.allowed = allowed
  }
}

/** Undefined where the catalogue's own fits: a key takes just the methods that it names. */
function sentenceOn(allowed: readonly string[]): string | undefined {
  if (allowed.length === 0) return 'no method is allowed here: a key is missing'
  return allowed.includes('PUT') ? undefined : `this method is not allowed here: ${allowed.join(' and ')} are`
}

/** Into path and query. A server must take the absolute form as well (RFC 9112, 3.2.2), in which a path may be left out. */
function split(url: string): [path: string, query: string] {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*\/?/i, '/')
  const at = target.indexOf('?')
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)]
}
