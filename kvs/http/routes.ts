import type { IncomingMessage, ServerResponse } from 'node:http'
import makeRouter from 'find-my-way'
import type { Logger } from 'pino'
import { KvsError } from '../errors.ts'
import { answerError } from './answers.ts'
import { Broken } from './body.ts'

/** @param path the request's path as it came over the wire, without the query */
export type Handle = (request: IncomingMessage, response: ServerResponse, path: string) => void | Promise<void>

/** What a path takes; a method that is not among these is answered with 405 and their names. */
export type Methods = Readonly<Record<string, Handle>>

/** By path, in find-my-way's syntax. */
export type Routes = Readonly<Record<string, Methods>>

/** Answers each request by its path and method, and each error that a handler throws. */
export function makeDispatcher(routes: Routes, logger: Pick<Logger, 'error'>) {
  // Methods are told apart below, so that the router only knows paths.
  const router = makeRouter()
  for (const [path, methods] of Object.entries(routes)) router.get(path, () => undefined, methods)

  function handlerFor(method: string, path: string): Handle {
    // The router would decode the path, and fail on one that a key's own rules can say more about.
    const found = router.find('GET', path.includes('%') ? path.replaceAll('%', '_') : path)
    if (found === null) throw new KvsError('no_such_page')
    const methods: Methods = found.store
    const handle = methods[method]
    if (handle === undefined) throw new MethodNotAllowed(Object.keys(methods))
    return handle
  }

  function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (error instanceof Broken) return
    if (response.headersSent) {
      logger.error({ err: error }, 'an answer broke off')
      response.destroy()
    } else if (error instanceof MethodNotAllowed) {
      answerError(request, response, error, ['Allow', error.allowed.join(', ')])
    } else if (error instanceof KvsError) {
      answerError(request, response, error)
    } else {
      logger.error({ err: error }, `${request.method} ${request.url} failed`)
      answerError(request, response, new KvsError('internal'))
    }
  }

  return function dispatch(request: IncomingMessage, response: ServerResponse): void {
    try {
      if (!hasHost(request) && request.httpVersion === '1.1') {
        throw new KvsError('bad_request', 'a request needs a Host header (RFC 9112, 3.2)')
      }
      const path = pathOf(request.url ?? '')
      handlerFor(request.method ?? '', path)(request, response, path)?.catch((error) => fail(request, response, error))
    } catch (error) {
      fail(request, response, error)
    }
  }
}

/** Most answers need no other header: those of a request are not sorted into an object before they are asked for. */
function hasHost({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.some((name, index) => index % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host')
}

class MethodNotAllowed extends KvsError {
  readonly allowed: readonly string[]
  constructor(allowed: readonly string[]) {
    super(
      'method_not_allowed',
      allowed.length === 0 ? 'no method is allowed here: a key is missing after /v1/' : undefined,
    )
    this.allowed = allowed
  }
}

/** A server must take the absolute form as well (RFC 9112, 3.2.2). No route knows a query yet. */
function pathOf(url: string): string {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '')
  const query = target.indexOf('?')
  if (query < 0) return target
  if (target.startsWith('/v1') && query < target.length - 1) {
    throw new KvsError(
      'bad_request',
      `this service knows no query "${target.slice(query)}"; a "?" in a key is written %3F`,
    )
  }
  return target.slice(0, query)
}
