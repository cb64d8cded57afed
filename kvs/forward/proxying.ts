import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { Dispatcher } from 'undici'
import { KvsError } from '../core/errors.ts'
import { type Answer, answerError, Broken, hasBody, isUploading, renderAsErrorJson } from '../http/exchange/index.ts'
import { endToEnd, headersOnward } from './onward-headers.ts'
import type { Sent, Target } from './target.ts'
import { explain, Late } from './target-failures.ts'
import type { Reach } from './target-health.ts'
import { joinTrace } from './trace-header.ts'
import { openUpload } from './upload.ts'

export interface ExchangeOptions {
  readonly target: Pick<Target, 'dispatcher' | 'name' | 'servername'>
  /** How long to wait for the target: to be connected, to take more of a body, to answer. */
  readonly timeoutMs: number
  readonly pseudonym: string
  readonly reach: Reach
}

/** @param path as the target is to get it, with the query */
export type Exchange = (request: IncomingMessage, response: Answer, path: string) => void

/**
 * Sends a request on, and its answer back, each as it comes. What breaks off on one side breaks off on the other. A request
 * is sent once: undici sends only that again of which it has sent nothing, and no retrying is built on it here.
 */
export function makeExchange(options: ExchangeOptions): Exchange {
  const { target, timeoutMs, pseudonym, reach } = options

  return (request, response, path) => {
    const { method = 'GET' } = request
    const upload = hasBody(request) ? openUpload(request, response) : null
    let controller: Dispatcher.DispatchController | undefined
    let givenUp: Error | undefined
    let isOver = false
    let bytes = 0

    const timer = setTimeout(() => {
      if (isClientsTurn(request, upload, controller !== undefined)) timer.refresh()
      else giveUp(new Late(`no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    response.on('close', () => {
      if (!response.writableFinished) giveUp(new Broken('the client is gone'))
    })

    function giveUp(error: Error): void {
      givenUp ??= error
      if (controller) controller.abort(error)
      else fail(error)
    }

    function fail(error: Error): void {
      clearTimeout(timer)
      if (isOver) return
      isOver = true
      const reason = explain(error, target.name)
      const isClients = error instanceof Broken || response.destroyed
      response.about.reason = isClients ? error.message : reason
      if (isClients) return
      reach.failed(reason)
      if (response.headersSent) cutOff(request.socket)
      else answerError(request, response, new KvsError('cannot_forward'), [], renderAsErrorJson)
    }

    response.wait('target')
    const headers = [...headersOnward(request, pseudonym, response.about.caller), ...joinTrace(response)]
    const { dispatcher, servername } = target
    const sent: Sent = { method: method as Dispatcher.HttpMethod, path, headers, body: upload, servername }
    dispatcher.dispatch(sent, {
      onRequestStart(started) {
        controller = started
        if (givenUp) controller.abort(givenUp)
      },
      onBodySent: () => void timer.refresh(),
      onRequestSent: () => void timer.refresh(),

      onResponseStart({ rawHeaders }, status, _headers, reason) {
        if (status < 200) return
        clearTimeout(timer)
        reach.answered()
        response.wait(undefined)
        const close = isUploading(request) ? ['Connection', 'close'] : []
        response.writeHead(status, reason, [...endToEnd(asText(rawHeaders)), ...close])
        // Where the body does not come with them, the headers go ahead.
        process.nextTick(() => bytes > 0 || response.writableEnded || response.flushHeaders())
      },
      onResponseData(controller, chunk) {
        bytes += chunk.length
        response.about.bytes = bytes
        if (response.write(chunk)) return
        controller.pause()
        response.once('drain', () => controller.resume())
      },
      onResponseEnd() {
        isOver = true
        response.end()
        upload?.destroy()
      },
      onResponseError: (_controller, error) => fail(error),
    })
  }
}

/**
 * Ends a connection in the middle of an answer, so that the client does not take what it has for the whole. Node throws where
 * a TLS connection is to be reset; a destroyed one sends no close_notify, and what came lacks its length or last chunk.
 */
function cutOff(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}

/** While it is the client that has to send more of the body, the target is not late. */
function isClientsTurn(request: IncomingMessage, upload: Readable | null, isConnected: boolean): boolean {
  return upload !== null && isConnected && !request.complete && !upload.isPaused()
}

function asText(headers: Dispatcher.DispatchController['rawHeaders']): string[] {
  return Array.isArray(headers) ? headers.map((text) => text.toString('latin1')) : []
}
