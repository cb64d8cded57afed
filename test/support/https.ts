import { request } from 'node:https'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface HttpsAnswer {
  readonly status: number
  readonly body: string
  /** Of the server's certificate */
  readonly serial: string
}

/** One request on a connection of its own. */
export function ask(
  url: string,
  { method = 'GET', body, ...tls }: ConnectionOptions & { method?: string; body?: string } = {},
): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, ...tls, agent: false }, (answer) => {
      const serial = (answer.socket as TLSSocket).getPeerCertificate().serialNumber
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk))
      answer.on('error', reject).on('end', () => resolve({ status: answer.statusCode ?? 0, body: text, serial }))
    })
    sent.on('error', reject).end(body)
  })
}

/** A TLS connection that says what it is told to; resolves when the handshake is done. */
export function handshake(url: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ...options }, () => resolve(socket))
    socket.on('error', reject)
    onTestFinished(() => void socket.destroy())
  })
}
