import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/clock.ts'

/** Connections past the maximum that are told so at a time; those past these too are closed without a response. */
const maxToldAtATime = 64
/** Time that such a connection has to send a request that can be replied to. */
const requestWithinMs = 2_000

/**
 * Whether a connection is past the maximum, so that nothing is done for it. To be asked once, right before the
 * response: from then on the lingering close bounds its time.
 */
export type IsSurplus = (socket: Socket) => boolean

/** Counts connections from the moment they are accepted, so that those in a TLS handshake count as well. */
export function limitConnections(
  maxConnections: number,
  server: Server,
  tally: { connections: number; refused: number },
  clock: Pick<Clock, 'after'>,
): IsSurplus {
  const surplus = new Map<string, Timer>()
  let admitted = 0
  let open = 0

  function accept(socket: Socket): void {
    // Not by `server.maxConnections`: each port that the server listens on would have that many for itself.
    if (open >= maxConnections + maxToldAtATime) {
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
    if (admitted >= maxConnections) return void noteSurplus(socket)
    admitted++
    socket.once('close', () => admitted--)
  }

  function noteSurplus(socket: Socket): void {
    tally.refused++
    const peer = peerOf(socket)
    const timer = clock.after(requestWithinMs, () => socket.destroy())
    surplus.set(peer, timer)
    socket.once('close', () => {
      timer.cancel()
      surplus.delete(peer)
    })
  }

  server.on('connection', accept)
  return (socket) => {
    const timer = surplus.size > 0 ? surplus.get(peerOf(socket)) : undefined
    timer?.cancel()
    return timer !== undefined
  }
}

/** The same for a TLS socket and the one below it. A client's port may be connected to several of ours at a time. */
export function peerOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
