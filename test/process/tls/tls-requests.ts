import type { TLSSocket } from 'node:tls'
import { handshake } from '../../support/https.ts'
import type { Node } from '../../support/node.ts'
import { statusesOf } from '../hostile/wire.ts'

export const anyCertificate = { rejectUnauthorized: false }
export const put = (length: number) => `PUT /v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`
export const get = 'GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n'

export async function open(node: Node) {
  const socket = await handshake(node.url, anyCertificate)
  return { socket, statuses: statusesOn(socket) }
}

export function statusesOn(socket: TLSSocket): () => number[] {
  let text = ''
  socket.removeAllListeners('error').on('error', () => undefined)
  socket.on('data', (data) => (text += data.toString('latin1')))
  return () => statusesOf(text)
}
