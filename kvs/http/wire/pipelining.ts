import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Answer } from '../exchange/index.ts'
import { isLingering } from './lingering-close.ts'

/** How many requests may wait for the one before them, before no more are read from their connection. */
const maxWaiting = 64

/** What has come in on a connection, as far as the order of its answers goes. */
interface Line {
  request: IncomingMessage
  response: Answer
  /** The one before the latest */
  before: Answer | undefined
  waiting: number
  isHeld: boolean
}

/**
 * Pipelined requests take effect in their order (RFC 9112, 9.3.2), though a PUT has to wait for its body. Of a client that
 * sends ever more of them without reading an answer no more is read: each takes some kilobytes, a hundred times what it took
 * on the wire, and Node itself counts only the bytes of answers.
 */
export function makeInTurn(handle: (request: IncomingMessage, response: Answer) => void) {
  const lines = new WeakMap<Socket, Line>()
  const ending = new WeakSet<Socket>()

  function take(request: IncomingMessage, response: Answer): void {
    const { socket } = request
    const line = lines.get(socket)
    if (line === undefined) {
      lines.set(socket, { request, response, before: undefined, waiting: 0, isHeld: false })
      handle(request, response)
      return
    }
    const before = line.response
    Object.assign(line, { request, response, before })
    if (before.writableEnded) {
      handle(request, response)
      return
    }
    if (++line.waiting === maxWaiting) hold(socket, line)
    before.once('close', () => {
      if (--line.waiting <= maxWaiting / 2) letGo(socket, line)
      if (!socket.destroyed) handle(request, response)
    })
  }

  function hold(socket: Socket, line: Line): void {
    line.isHeld = true
    socket.pause()
    // Node resumes it for reasons of its own.
    if (!socket.listeners('resume').includes(holdOn)) socket.on('resume', holdOn)
  }

  function holdOn(this: Socket): void {
    if (lines.get(this)?.isHeld && !isLingering(this)) this.pause()
  }

  function letGo(socket: Socket, line: Line): void {
    if (!line.isHeld) return
    line.isHeld = false
    socket.resume()
  }

  /**
   * Ends a connection on which nothing more can be read, with an answer to what could not be, in its turn. Without one where
   * the answer to that has begun. Returns false where it was ended before.
   */
  function end(socket: Socket, answer: string): boolean {
    // Whatever more comes is not HTTP either, or behind the last answer.
    if (ending.has(socket) || isLingering(socket)) return false
    ending.add(socket)
    const line = lines.get(socket)
    const isBroken = line !== undefined && !line.request.complete
    const before = isBroken ? line.before : line?.response
    if (isBroken && line.response.headersSent) socket.destroySoon()
    else if (before === undefined || before.writableFinished) write()
    else before.once('close', write)
    return true

    function write(): void {
      if (isLingering(socket)) return
      if (!socket.writable) return void socket.destroy()
      socket.write(answer)
      socket.destroySoon()
    }
  }

  return { take, end }
}
