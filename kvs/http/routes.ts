import type { IncomingMessage, ServerResponse } from 'node:http'
import makeRouter from 'find-my-way'
import type { Logger } from 'pino'
import type { Right } from '../access/tokens.ts'
import { ConditionFailed, KvsError, NotAdmitted } from '../errors.ts'
import { answerError, type RenderError } from './answers.ts'
import { Broken } from './body.ts'
import { authorizationOf, by, type Caller, type Guard } from './callers.ts'
import { isHostGiven } from './headers.ts'

/**
 * @param path the request's path as it came over the wire, without the query
 * @param query what comes after the "?"; empty where there is none
 * @param caller undefined where nobody has to say who they are
 */
export type Handle = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: string,
  caller: Caller | undefined,
) => void | Promise<void>

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
export function makeDispatcher(
  routes: Routes,
  logger: Pick<Logger, 'error' | 'debug' | 'isLevelEnabled'>,
  position: () => string,
  guard?: Guard,
) {
  const logsRequests = logger.isLevelEnabled('debug')
  // Methods are told apart below, so that the router only knows paths.
  const router = makeRouter()
  for (const [path, methods] of Object.entries(routes)) router.get(path, () => undefined, methods)

  function methodsOf(path: string): Methods | undefined {
    // The router would decode the path, and fail on one that a key's own rules can say more about.
    return router.find('GET', path.includes('%') ? path.replaceAll('%', '_') : path)?.store
  }

  function handlerOf(methods: Methods | undefined, method: string): Handle {
    if (methods === undefined) throw new KvsError('no_such_page')
    const handle = methods[method]
    if (handle === undefined) throw new MethodNotAllowed(Object.keys(methods))
    return handle
  }

  function fail(
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    methods?: Methods,
    caller?: Caller,
  ): void {
    const renderAs = methods?.[errorsAs]
    if (error instanceof Broken) return
    if (response.headersSent) {
      logger.error({ err: error }, 'an answer broke off')
      response.destroy()
      return
    }
    if (!(error instanceof KvsError)) logger.error({ err: error }, `${request.method} ${request.url} failed`)
    const known = error instanceof KvsError ? error : new KvsError('internal')
    if (logsRequests) logger.debug(`${request.method} ${request.url} status=${known.status} ${known.code}${by(caller)}`)
    const place = guard === undefined || caller !== undefined ? position() : ''
    answerError(request, response, known, [...positionHeader(place), ...headersOf(known)], renderAs)
  }

  return function dispatch(request: IncomingMessage, response: ServerResponse): void {
    let methods: Methods | undefined
    let caller: Caller | undefined
    try {
      const [path, query] = split(request.url ?? '')
      methods = methodsOf(path)
      if (!isHostGiven(request)) throw new KvsError('bad_request', 'a request needs one Host header (RFC 9112, 3.2)')
      if (guard !== undefined) caller = admit(request, methods, guard)
      const handle = handlerOf(methods, request.method ?? '')
      if (caller !== undefined) requireRight(caller, methods, request.method ?? '')
      handle(request, response, path, query, caller)?.catch((error) => fail(request, response, error, methods, caller))
    } catch (error) {
      fail(request, response, error, methods, caller)
    }
  }
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
  if (error instanceof ConditionFailed && error.current !== undefined) return ['ETag', `"${error.current}"`]
  return []
}

class MethodNotAllowed extends KvsError {
  readonly allowed: readonly string[]
  constructor(allowed: readonly string[]) {
    super('method_not_allowed', allowed.length === 0 ? 'no method is allowed here: a key is missing' : undefined)
    this.allowed = allowed
  }
}

/** Into path and query. A server must take the absolute form as well (RFC 9112, 3.2.2). */
function split(url: string): [path: string, query: string] {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '')
  const at = target.indexOf('?')
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)]
}
