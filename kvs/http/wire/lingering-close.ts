import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { freeBuffer } from '../../lib/buffers.ts'

/** A client that sends nothing from one look to the next, so many times in a row, and does not close, is waited for no longer. */
const quietLooks = 2
/** Nor is one that sends on and on, or now and then, after so many looks. */
const mostLooks = 30

const lingering = new WeakSet<Socket>()

/** Whether the connection's last answer is out, or on its way, so that all that still comes is dropped. */
export function isLingering(socket: Socket): boolean {
  return lingering.has(socket)
}

/**
 * Has the connections of a server closed so that the last answer arrives (RFC 9112, 9.6), by whoever calls `destroySoon` on
 * them: Node after an answer with `Connection: close`, and all that ends a connection here.
 *
 * Closing a socket that has bytes to be read makes the kernel send a reset, and that destroys the answer on its way to a
 * client which is still sending. So only the sending side is closed; what comes is read and dropped until the client closes
 * as well, or the bounds above are reached. They are counted in looks: the event loop reads between any two, so that a
 * process that was held up does not take its client for a silent one.
 */
export function closeByLingering(server: Server, lookEveryMs = 1_000): void {
  const open = new Set<Socket>()

  function linger(this: Socket): void {
    if (this.destroyed || lingering.has(this)) return
    lingering.add(this)
    open.add(this)
    this.once('close', () => open.delete(this))
    lookOn(this, dropAll(this), lookEveryMs)
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

  // To Node a connection is idle once its last answer is out.
  const { closeIdleConnections } = server
  server.closeIdleConnections = () => {
    for (const socket of open) socket.destroy = () => socket
    closeIdleConnections.call(server)
    for (const socket of open) Reflect.deleteProperty(socket, 'destroy')
  }
}

/** @returns whether anything has come since the last time this was asked */
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

function lookOn(socket: Socket, hasSent: () => boolean, everyMs: number): void {
  let looks = 0
  let quiet = 0
  const timer = setInterval(() => {
    const isSending = hasSent()
    // A client may be slow to read its answer: until that is out, KVS_IDLE_TIMEOUT is what bounds a quiet one.
    if (isSending || socket.writableFinished) looks++
    if (isSending) quiet = 0
    else if (socket.writableFinished) quiet++
    if (quiet === quietLooks || looks === mostLooks) socket.destroy()
  }, everyMs)
  socket.once('close', () => clearInterval(timer))
}
