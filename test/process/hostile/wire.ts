import { connect as connectPlain, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'

/** A connection to the server that a case is tried on. */
export type Connect = () => Socket

export const plainTo =
  (port: number): Connect =>
  () =>
    connectPlain(port, '127.0.0.1')
export const tlsTo =
  (port: number): Connect =>
  () =>
    connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })

/** The statuses of all that came back, and then how it ended: `close`, or `hang` where the server left it open. */
export type Outcome = readonly (number | 'close' | 'hang')[]

/** Past all that a server of these tests bears with a client for. */
const boundMs = 15_000

/** Sends bytes as they are, in one piece or in several one after the other, and reads until the server closes. */
export async function send(connect: Connect, bytes: Buffer, pieces = 1): Promise<{ outcome: Outcome; text: string }> {
  const socket = connect()
  let text = ''
  socket.on('data', (data) => (text += data.toString('latin1'))).on('error', () => undefined)
  const ended = new Promise<true>((resolve) => socket.once('close', () => resolve(true)))
  const size = Math.max(1, Math.ceil(bytes.length / pieces))
  for (let at = 0; at < bytes.length; at += size) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve))
    socket.write(bytes.subarray(at, at + size))
  }
  const isClosed = await Promise.race([ended, sleep(boundMs, false, { ref: false })])
  socket.destroy()
  return { outcome: [...statusesOf(text), isClosed ? 'close' : 'hang'], text }
}

/** Of answers one after the other, each by its own framing; a status inside of a body is none. */
export function statusesOf(text: string): number[] {
  const statuses: number[] = []
  let rest = text
  for (;;) {
    const head = /^HTTP\/1\.1 (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest)
    if (head === null) return statuses
    statuses.push(Number(head[1]))
    const length = /^content-length: *(\d+)/im.exec(head[2] ?? '')?.[1]
    rest = rest.slice(head[0].length + Number(length ?? 0))
  }
}
