import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** How many connections past the maximum are told so at a time; what is past these too is closed unanswered. */
const lobby = 64
/** How long such a connection has to send a request that can be answered. */
const patienceMs = 2_000

/**
 * Whether a connection is one past the maximum, on which nothing is to be done. To be asked when it is about to be answered,
 * once: from then on its time is that of a lingering close.
 */
export type IsSurplus = (socket: Socket) => boolean

/** Counts connections from the moment they are taken, so that those in a TLS handshake count as well. */
export function admitAtMost(
  maxConnections: number,
  server: Server,
  tally: { connections: number; refused: number },
): IsSurplus {
  const surplus = new Map<string, NodeJS.Timeout>()
  let admitted = 0
  let open = 0
  server.on('connection', (socket: Socket) => {
    // Not by `server.maxConnections`: each port that the server listens on would have that many for itself.
    if (open >= maxConnections + lobby) {
      tally.refused++
      socket.destroy()
      return
    }
    open++
    tally.connections++
    socket.once('close', () => {
      open--
      tally.connections--
    })
    if (admitted < maxConnections) {
      admitted++
      socket.once('close', () => admitted--)
      return
    }
    tally.refused++
    const peer = peerOf(socket)
    const timer = setTimeout(() => socket.destroy(), patienceMs)
    surplus.set(peer, timer)
    socket.once('close', () => {
      clearTimeout(timer)
      surplus.delete(peer)
    })
  })
  return (socket) => {
    const timer = surplus.size > 0 ? surplus.get(peerOf(socket)) : undefined
    clearTimeout(timer)
    return timer !== undefined
  }
}

/** The same for a TLS socket and the one below it. A client's port may be connected to several of ours at a time. */
export function peerOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
