import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * Returns the first of `inRow` consecutive TCP ports of 127.0.0.1 that nobody listens on. It is below the range from
 * which systems take ports for outgoing connections, so that it stays free while its server restarts.
 */
export async function freePort(inRow = 1): Promise<number> {
  for (;;) {
    const first = randomInt(10_000, 32_000)
    const ports = Array.from({ length: inRow }, (_, index) => first + index)
    const areFree = await Promise.all(ports.map(isFree))
    if (areFree.every(Boolean)) return first
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const isListening = once(server, 'listening').then(
    () => true,
    () => false,
  )
  server.listen(port, '127.0.0.1')
  if (!(await isListening)) return false
  server.close()
  await once(server, 'close')
  return true
}

/** Tells whether a server accepts connections on a port of 127.0.0.1. */
export function acceptsConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
