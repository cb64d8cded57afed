import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type ForwarderOptions, makeForwarder } from '../../../kvs/forward/forwarding.ts'
import { makeBodyReceiver } from '../../../kvs/http/exchange/body-receiver.ts'
import { makeHttpTally } from '../../../kvs/http/exchange/request-tally.ts'
import { type HttpOptions, makeHttpServer } from '../../../kvs/http/wire/http-server.ts'
import { makeLogger } from '../../../kvs/logger/logger.ts'
import { makeMemoryBudget } from '../../../kvs/memory/memory-budget.ts'
import { until } from '../../support/until.ts'

async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

type Options = ForwarderOptions & HttpOptions

/** A forwarder in this process, on a free port of the loopback. */
export async function startForwarder(target: number | string, options: Partial<Options> & { port?: number } = {}) {
  const all: Options = {
    address: typeof target === 'number' ? `127.0.0.1:${target}` : target,
    forwardTimeoutMs: 20_000,
    maxConnections: 1_000,
    maxHeaderBytes: 8_192,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    idleTimeoutMs: 30_000,
    keepAliveTimeoutMs: 5_000,
    tally: makeHttpTally(),
    receiveTransaction: makeBodyReceiver({
      ...{ maxBytes: 8 * 1024 * 1024, what: 'transaction' },
      budget: makeMemoryBudget(64 * 1024 * 1024),
    }),
    slowRequestMs: undefined,
    version: '0.0.0',
    logger: makeLogger({ level: 'silent', format: 'json', isTerminal: false }),
    ...options,
  }
  const forwarder = makeForwarder(all)
  const server = makeHttpServer(all, forwarder.serve)
  const port = await listen(server, options.port)
  async function close(): Promise<void> {
    server.closeAllConnections()
    server.close()
    await forwarder.stop()
  }
  onTestFinished(close)
  return { port, url: `http://127.0.0.1:${port}`, forwarder, close }
}

/** A target with Node's own HTTP. */
export async function startTarget(listener: RequestListener, options: { keepAliveTimeout?: number } = {}) {
  const server = createServer(options, listener)
  const port = await listen(server)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port, server }
}

/** What a raw target has seen of one connection. */
export interface Seen {
  readonly socket: Socket
  readonly text: () => string
  /** How it ended: by the other side's end, or by an error. */
  readonly ended: () => 'end' | 'error' | undefined
}

/** A target that says what it is told to, byte for byte. */
export async function startRawTarget(onData: (seen: Seen) => void = () => undefined) {
  const connections: Seen[] = []
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    let ended: 'end' | 'error' | undefined
    const seen = { socket, text: () => text, ended: () => ended }
    connections.push(seen)
    socket.on('error', () => (ended = 'error')).on('end', () => (ended ??= 'end'))
    socket.on('data', (data) => {
      text += data.toString('latin1')
      onData(seen)
    })
  })
  const port = await listen(server)
  onTestFinished(() => {
    for (const { socket } of connections) socket.destroy()
    server.close()
  })
  /** The nth connection, once there is one. */
  const connection = (n = 0) => until(`there is connection ${n}`, () => connections[n])
  const requests = () => connections.reduce((sum, { text }) => sum + (text().match(/ HTTP\/1\.1\r\n/g)?.length ?? 0), 0)
  return { port, connections, connection, requests }
}

/** A client that says what it is told to, byte for byte. */
export function startClient(port: number) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  let ended: 'end' | 'error' | undefined
  socket.on('data', (data) => {
    text += data.toString('latin1')
  })
  socket.on('error', () => (ended = 'error')).on('end', () => (ended ??= 'end'))
  onTestFinished(() => void socket.destroy())
  return {
    socket,
    send: (data: string | Buffer) => (typeof data === 'string' ? socket.write(data, 'latin1') : socket.write(data)),
    text: () => text,
    ended: () => ended,
    receives: (pattern: RegExp) => until(`the client has got ${pattern}`, () => pattern.exec(text) ?? undefined),
  }
}

/** One request on a connection of its own; all that comes back. */
export async function request(port: number, method: string, path: string, headers = '', body = ''): Promise<string> {
  const client = startClient(port)
  client.send(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n${body}`)
  await until('the answer has ended', client.ended)
  return client.text()
}

export const cannotForward = '{"error":"Cannot forward request"}'

/** The head of a request for one key. */
export const head = (method: string, rest = '') => `${method} /v1/a HTTP/1.1\r\nHost: x\r\n${rest}\r\n`

/** An answer, whole. */
export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'

/** A port that nothing listens at. */
export async function freePort(): Promise<number> {
  const { port, server } = await startTarget(() => undefined)
  server.close()
  await once(server, 'close')
  return port
}
