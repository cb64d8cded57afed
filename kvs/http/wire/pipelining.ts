import type { Socket } from 'node:net'
import type { NodeRequest, NodeResponse } from '../exchange/index.ts'
import { isLingering } from './lingering-close.ts'

/** How many requests may wait for the one before them until no more are read from their connection. */
const maxWaiting = 64

/** Requests of one connection, as far as the order of their replies goes. */
interface Pipeline {
  latest: NodeRequest
  /** Response before the latest one. */
  before: NodeResponse | undefined
  /** Requests that wait for the one before them. */
  waiting: number
  /** Whether reading is paused because too many wait. */
  isPaused: boolean
}

export interface Pipelining {
  /** Handles a request when those before it on its connection are finished. */
  take(request: NodeRequest): void
  /**
   * Sends a final error response after earlier pipelined responses, then closes the socket. Closes without it where the
   * response to the broken request has begun. Returns false where the connection was ended before.
   */
  end(socket: Socket, response: string): boolean
}

/**
 * Pipelined requests take effect in their order (RFC 9112, 9.3.2), though a PUT has to wait for its body. A client that
 * sends ever more of them and reads no reply meets backpressure: no more is read from it. Each request takes some
 * kilobytes here, a hundred times what it took on the wire, and Node itself counts only the bytes of responses.
 */
export function makePipelining(handle: (request: NodeRequest) => void): Pipelining {
  const pipelines = new WeakMap<Socket, Pipeline>()
  const ending = new WeakSet<Socket>()

  function take(request: NodeRequest): void {
    const { socket } = request.message
    const pipeline = pipelines.get(socket)
    if (pipeline === undefined) {
      pipelines.set(socket, { latest: request, before: undefined, waiting: 0, isPaused: false })
      handle(request)
      return
    }
    const before = pipeline.latest.response
    pipeline.latest = request
    pipeline.before = before
    if (before.writableEnded) handle(request)
    else enqueue(request, pipeline, before)
  }

  function enqueue(request: NodeRequest, pipeline: Pipeline, before: NodeResponse): void {
    const { socket } = request.message
    if (++pipeline.waiting === maxWaiting) pause(socket, pipeline)
    before.once('close', () => {
      if (--pipeline.waiting <= maxWaiting / 2) resume(socket, pipeline)
      if (!socket.destroyed) handle(request)
    })
  }

  function pause(socket: Socket, pipeline: Pipeline): void {
    pipeline.isPaused = true
    socket.pause()
    // Node resumes it for reasons of its own.
    if (!socket.listeners('resume').includes(pauseAgain)) socket.on('resume', pauseAgain)
  }

  function pauseAgain(this: Socket): void {
    if (pipelines.get(this)?.isPaused && !isLingering(this)) this.pause()
  }

  function end(socket: Socket, response: string): boolean {
    // What comes after the first error is not HTTP either, or is behind the last response.
    if (ending.has(socket) || isLingering(socket)) return false
    ending.add(socket)
    const pipeline = pipelines.get(socket)
    const isBroken = pipeline !== undefined && !pipeline.latest.message.complete
    const before = isBroken ? pipeline.before : pipeline?.latest.response
    if (isBroken && pipeline.latest.response.headersSent) socket.destroySoon()
    else if (before === undefined || before.writableFinished) writeLast(socket, response)
    else before.once('close', () => writeLast(socket, response))
    return true
  }

  return { take, end }
}

function resume(socket: Socket, pipeline: Pipeline): void {
  if (!pipeline.isPaused) return
  pipeline.isPaused = false
  socket.resume()
}

function writeLast(socket: Socket, response: string): void {
  if (isLingering(socket)) return
  if (!socket.writable) return void socket.destroy()
  socket.write(response)
  socket.destroySoon()
}
