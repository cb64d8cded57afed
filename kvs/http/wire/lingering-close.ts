import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { freeBuffer } from '../../lib/buffers.ts'
import type { Clock } from '../../lib/clock.ts'

/** Checks in a row without anything from the client after which it is waited for no longer. */
const maxQuietChecks = 2
/** Checks after which a client that sends on and on, or now and then, is waited for no longer. */
const maxChecks = 30
/** Time between two checks. */
const checkEveryMs = 1_000

const lingering = new WeakSet<Socket>()

/** Whether the last response of the connection is on its way or out, so that all that still comes is dropped. */
export function isLingering(socket: Socket): boolean {
  return lingering.has(socket)
}

/**
 * Makes every connection of a server close so that its last response arrives (lingering close; RFC 9112, 9.6), whoever
 * calls `destroySoon` on it: Node after a response with `Connection: close`, and all that ends a connection here.
 *
 * Closing a socket that has bytes to be read makes the kernel send a reset, which destroys the response on its way to a
 * client that is still sending. So only the sending side is closed; what comes is read and dropped until the client
 * closes as well or the bounds above are reached. They count checks: the event loop reads between any two, so that a
 * process that was held up does not take its client for a silent one.
 */
export function closeByLingering(server: Server, clock: Pick<Clock, 'every'>, everyMs = checkEveryMs): void {
  const open = new Set<Socket>()

  function linger(this: Socket): void {
    if (this.destroyed || lingering.has(this)) return
    lingering.add(this)
    open.add(this)
    this.once('close', () => open.delete(this))
    closeWhenQuiet(this, dropAll(this), clock, everyMs)
    this.end()
    this.resume()
    // Node may have stopped reading for the sake of a request, past the stream that is resumed here.
    this._read(0)
  }

  const soften = (socket: Socket): void => {
    socket.destroySoon = linger
  }
  server.on('connection', soften)
  server.on('secureConnection', soften)

  // To Node a connection is idle once its last response is out.
  const { closeIdleConnections } = server
  server.closeIdleConnections = () => {
    for (const socket of open) socket.destroy = () => socket
    closeIdleConnections.call(server)
    for (const socket of open) Reflect.deleteProperty(socket, 'destroy')
  }
}

/** Returns a function that says whether anything has come since it was last asked. */
function dropAll(socket: Socket): () => boolean {
  let hasCome = false
  // The parser's listener: what comes now is no request.
  socket.removeAllListeners('data')
  socket.on('data', (chunk: Buffer) => {
    hasCome = true
    freeBuffer(chunk)
  })
  return () => {
    const answer = hasCome
    hasCome = false
    return answer
  }
}

function closeWhenQuiet(socket: Socket, hasSent: () => boolean, clock: Pick<Clock, 'every'>, everyMs: number): void {
  let checks = 0
  let quiet = 0
  const timer = clock.every(everyMs, () => {
    const isSending = hasSent()
    // A client may be slow to read its response: until that is out, KVS_IDLE_TIMEOUT is what bounds a quiet one.
    if (isSending || socket.writableFinished) checks++
    if (isSending) quiet = 0
    else if (socket.writableFinished) quiet++
    if (quiet === maxQuietChecks || checks === maxChecks) socket.destroy()
  })
  socket.once('close', () => timer.cancel())
}
