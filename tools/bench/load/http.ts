import { once } from 'node:events'
import { connect } from 'node:net'
import type { Api } from '../servers/server.ts'

/** One kept-alive connection, one request at a time. */
export interface Connection {
  /** @param answered is told the status, or 0 where the connection is lost */
  send(request: string, answered: (status: number) => void): void
  close(): void
}

/**
 * Knows of HTTP what it takes to find the end of an answer that has a Content-Length: node:http would take most of a
 * core at the rates that are measured.
 */
export async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  let waiting: ((status: number) => void) | undefined
  let pending = ''

  function answer(status: number): void {
    const answered = waiting
    waiting = undefined
    answered?.(status)
  }

  socket.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1')
    pending = pending === '' ? text : pending + text
    const end = endOfAnswer(pending)
    if (end === undefined || pending.length < end) return
    const status = Number(pending.slice(9, 12))
    pending = pending.slice(end)
    answer(status)
  })
  socket.on('error', () => undefined)
  socket.on('close', () => answer(0))

  return {
    send(request, answered) {
      if (socket.destroyed) return void setImmediate(answered, 0)
      waiting = answered
      socket.write(request, 'latin1')
    },
    close: () => void socket.destroy(),
  }
}

/** Finds the end of an answer; undefined while its headers are incomplete. Throws if it has no Content-Length. */
export function endOfAnswer(text: string): number | undefined {
  const headers = text.indexOf('\r\n\r\n')
  if (headers < 0) return undefined
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headers))?.[1]
  if (length === undefined) throw new Error(`an answer without a length: ${text.slice(0, headers)}`)
  return headers + 4 + Number(length)
}

export interface Requests {
  get(key: string): string
  put(key: string, value: string): string
  delete(key: string): string
}

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')

function withBody(line: string, body: string): string {
  return `${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const kvs: Requests = {
  get: (key) => `GET /v1/${key} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
  put: (key, value) => withBody(`PUT /v1/${key}`, value),
  delete: (key) => `DELETE /v1/${key} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
}

/** The same requests as in requests.lua. */
export const requestsOf: Readonly<Record<Api, Requests>> = {
  kvs,
  'kvs-consistent': { ...kvs, get: (key) => `GET /v1/${key}?consistent HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n` },
  etcd: {
    get: (key) => withBody('POST /v3/kv/range', `{"key":"${base64(key)}"}`),
    put: (key, value) => withBody('POST /v3/kv/put', `{"key":"${base64(key)}","value":"${base64(value)}"}`),
    delete: (key) => withBody('POST /v3/kv/deleterange', `{"key":"${base64(key)}"}`),
  },
}
