import { once } from 'node:events'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { handshake } from '../../support/https.ts'
import type { Node } from '../../support/node.ts'

/** What a client resumes with, after a request on its connection. */
export async function sessionOf(node: Node, options: ConnectionOptions): Promise<Buffer> {
  const socket = await handshake(node.url, options)
  let session = socket.getSession()
  socket.on('session', (later) => {
    session = later
  })
  await answerOn(socket, '/livez')
  if (session === undefined) throw new Error('no session')
  return session
}

export async function answerOn(socket: TLSSocket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  let text = ''
  socket.on('data', (data) => (text += data))
  await once(socket, 'close')
  return text
}
