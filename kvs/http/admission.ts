import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** How many connections past the maximum are told so at a time; what is past these too is closed unanswered. */
const lobby = 64
/** How long such a connection has for its request and its answer. */
const patienceMs = 2_000

/** Whether a connection is one past the maximum, on which nothing is to be done. */
export type IsSurplus = (socket: Socket) => boolean

/** Counts connections from the moment they are taken, so that those in a TLS handshake count as well. */
export function admitAtMost(
  maxConnections: number,
  server: Server,
  tally: { connections: number; refused: number },
): IsSurplus {
  const surplus = new Set<string>()
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
    surplus.add(peer)
    const timer = setTimeout(() => socket.destroy(), patienceMs)
    socket.once('close', () => {
      clearTimeout(timer)
      surplus.delete(peer)
    })
  })
  return (socket) => surplus.size > 0 && surplus.has(peerOf(socket))
}

/** The same for a TLS socket and the one below it. A client's port may be connected to several of ours at a time. */
export function peerOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
