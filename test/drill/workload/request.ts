import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import type { Operation } from '../history.ts'
import { readValue } from './value.ts'

export type Answer = Pick<Operation, 'outcome' | 'status' | 'value' | 'sequence'>

/** One client's connection: one request at a time, kept alive in between. */
export interface Requester {
  get(key: string): Promise<Answer>
  put(key: string, value: Buffer): Promise<Answer>
  remove(key: string): Promise<Answer>
  close(): void
}

type Received =
  | { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }
  /** Without a connection nothing of the request can have been sent. */
  | { readonly status: 0; readonly wasConnected: boolean }

/** The codes that promise: nothing was stored. */
const notStored = new Set(['not_stored', 'overloaded', 'not_ready', 'spool_full'])

export function makeRequester(url: string, timeoutMs: number): Requester {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })

  function send(method: string, key: string, body?: Buffer): Promise<Received> {
    return new Promise((resolve) => {
      let wasConnected = false
      const outgoing = request(`${url}/v1/${encodeURIComponent(key)}`, {
        method,
        agent,
        headers: { accept: 'application/json', ...(body && { 'content-length': body.length }) },
      })
      const deadline = setTimeout(() => outgoing.destroy(new Error('no answer in time')), timeoutMs)
      const settle = (received: Received) => {
        clearTimeout(deadline)
        resolve(received)
      }
      outgoing.on('socket', (socket) => {
        if (!socket.connecting) wasConnected = true
        else socket.once('connect', () => (wasConnected = true))
      })
      outgoing.on('error', () => settle({ status: 0, wasConnected }))
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', () => settle({ status: 0, wasConnected }))
        response.on('end', () => {
          const { statusCode: status = 0, headers, complete } = response
          if (complete) settle({ status, headers, body: Buffer.concat(chunks) })
          else settle({ status: 0, wasConnected })
        })
      })
      outgoing.end(body)
    })
  }

  return {
    get: async (key) => toRead(await send('GET', key)),
    put: async (key, value) => toWritten(await send('PUT', key, value)),
    remove: async (key) => toWritten(await send('DELETE', key)),
    close: () => agent.destroy(),
  }
}

function toRead(received: Received): Answer {
  const { status } = received
  if (status === 404) return { outcome: 'ok', status, value: null }
  if (status !== 200 || !('body' in received)) return { outcome: 'failed', status }
  const value = readValue(received.body)
  if (value === undefined) return { outcome: 'torn', status, ...sequenceOf(received.headers) }
  return { outcome: 'ok', status, value, ...sequenceOf(received.headers) }
}

function toWritten(received: Received): Answer {
  const { status } = received
  if (!('body' in received)) return { outcome: received.wasConnected ? 'unknown' : 'failed', status }
  if (status >= 200 && status < 300) return { outcome: 'ok', status, ...sequenceOf(received.headers) }
  if (status >= 400 && status < 500) return { outcome: 'failed', status }
  return { outcome: notStored.has(codeOf(received.body)) ? 'failed' : 'unknown', status }
}

function codeOf(body: Buffer): string {
  try {
    return String((JSON.parse(body.toString()) as { code?: unknown }).code)
  } catch {
    return ''
  }
}

function sequenceOf({ etag }: IncomingHttpHeaders): { sequence?: number } {
  const [, digits] = /^"(\d+)"$/.exec(etag ?? '') ?? []
  return digits === undefined ? {} : { sequence: Number(digits) }
}
