import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import type { Condition, Operation } from '../history.ts'
import { readValue } from './value.ts'

export type Answer = Pick<
  Operation,
  'outcome' | 'status' | 'value' | 'sequence' | 'position' | 'isSpooled' | 'error'
> & {
  /** Text of KVS-Position. */
  readonly positionText?: string
  /** Text of the ETag. */
  readonly tag?: string
}

/** Headers and query of a request. */
export interface Demands {
  /** Text of KVS-Min-Position. */
  readonly minPosition?: string | undefined
  readonly isConsistent?: boolean
  readonly condition?: Condition | undefined
  /** ETag of the entry that the condition names by its sequence. */
  readonly tag?: string | undefined
  /** Lifetime of a put, in milliseconds. */
  readonly ttl?: number | undefined
  readonly idempotencyKey?: string | undefined
}

/** One client's kept-alive connection to one node, with one request at a time. */
export interface Requester {
  get(key: string, demands?: Demands): Promise<Answer>
  put(key: string, value: Buffer, demands?: Demands): Promise<Answer>
  remove(key: string, demands?: Demands): Promise<Answer>
  close(): void
}

type Received =
  | { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }
  /** Status 0 without an answer. If the connection was refused nothing can have been sent. */
  | { readonly status: 0; readonly error: Lost }

/** The connection was refused; it was reset; no answer came in time. */
type Lost = 'refused' | 'reset' | 'late'

/** Error codes that promise that nothing was stored. */
const notStored = new Set(['not_stored', 'overloaded', 'not_ready', 'spool_full', 'log_down', 'behind', 'not_owner'])

export function makeRequester(url: string, timeoutMs: number): Requester {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })

  function send(method: string, key: string, demands: Demands, body?: Buffer): Promise<Received> {
    return new Promise((resolve) => {
      let wasConnected = false
      const query = demands.isConsistent ? '?consistent' : ''
      const outgoing = request(`${url}/v1/${encodeURIComponent(key)}${query}`, {
        method,
        agent,
        headers: {
          accept: 'application/json',
          ...(body && { 'content-length': body.length }),
          ...(demands.minPosition && { 'kvs-min-position': demands.minPosition }),
          ...(demands.ttl !== undefined && { 'kvs-ttl': `${demands.ttl}ms` }),
          ...(demands.idempotencyKey && { 'idempotency-key': demands.idempotencyKey }),
          ...conditionHeader(demands),
        },
      })
      let isLate = false
      const deadline = setTimeout(() => {
        isLate = true
        outgoing.destroy(new Error('no answer in time'))
      }, timeoutMs)
      const settle = (received: Received) => {
        clearTimeout(deadline)
        resolve(received)
      }
      const lose = () => settle({ status: 0, error: !wasConnected ? 'refused' : isLate ? 'late' : 'reset' })
      outgoing.on('socket', (socket) => {
        if (!socket.connecting) wasConnected = true
        else socket.once('connect', () => (wasConnected = true))
      })
      outgoing.on('error', lose)
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', lose)
        response.on('end', () => {
          const { statusCode: status = 0, headers, complete } = response
          if (complete) settle({ status, headers, body: Buffer.concat(chunks) })
          else lose()
        })
      })
      outgoing.end(body)
    })
  }

  return {
    get: async (key, demands = {}) => toRead(await send('GET', key, demands)),
    put: async (key, value, demands = {}) => toWritten(await send('PUT', key, demands, value)),
    remove: async (key, demands = {}) => toWritten(await send('DELETE', key, demands)),
    close: () => agent.destroy(),
  }
}

function conditionHeader({ condition, tag }: Demands): Record<string, string> {
  if (condition === undefined) return {}
  if (condition === 'absent') return { 'if-none-match': '*' }
  if (condition === 'present') return { 'if-match': '*' }
  if (tag === undefined) throw new Error(`the ETag of entry ${condition} is not known`)
  return { 'if-match': tag }
}

function toRead(received: Received): Answer {
  const { status } = received
  if (!('body' in received)) return { outcome: 'failed', status, error: received.error }
  const told = toldBy(received.headers)
  if (status === 404) return { outcome: 'ok', status, value: null, ...told }
  if (status !== 200) return { outcome: 'failed', status, ...told, error: codeOf(received.body) }
  const value = readValue(received.body)
  return value === undefined ? { outcome: 'torn', status, ...told } : { outcome: 'ok', status, value, ...told }
}

function toWritten(received: Received): Answer {
  const { status } = received
  if (!('body' in received)) {
    const { error } = received
    return { outcome: error === 'refused' ? 'failed' : 'unknown', status, error }
  }
  const told = toldBy(received.headers)
  const error = status < 300 ? '' : codeOf(received.body)
  const outcome = writeOutcome(status, error)
  return { outcome, status, ...told, ...(outcome !== 'ok' && { error }) }
}

/** @param code what the service calls its error */
export function writeOutcome(status: number, code: string): 'ok' | 'failed' | 'unknown' {
  if (status >= 200 && status < 300) return 'ok'
  return (status >= 400 && status < 500) || notStored.has(code) ? 'failed' : 'unknown'
}

function codeOf(body: Buffer): string {
  try {
    const { code } = JSON.parse(body.toString()) as { code?: unknown }
    return typeof code === 'string' ? code : ''
  } catch {
    return ''
  }
}

type Told = Pick<Answer, 'sequence' | 'tag' | 'position' | 'positionText' | 'isSpooled'>

function toldBy(headers: IncomingHttpHeaders): Told {
  const [, tag] = /^"(.*)"$/.exec(headers.etag ?? '') ?? []
  return toldOf(tag, headers['kvs-position']?.toString() ?? '', headers['kvs-durability'] === 'spooled')
}

/**
 * What an answer tells beside its value.
 * @param entryTag the ETag without its quotes
 * @param positionText empty where the answer had none
 */
export function toldOf(entryTag: string | undefined, positionText: string, isSpooled: boolean): Told {
  const [, sequence] = /^\w+-(\d+)-\w+$/.exec(entryTag ?? '') ?? []
  const [, digits] = /^\w+=(\d+)$/.exec(positionText) ?? []
  return {
    ...(sequence !== undefined && { sequence: Number(sequence), tag: `"${entryTag}"` }),
    ...(digits !== undefined && { position: Number(digits) }),
    ...(positionText !== '' && { positionText }),
    ...(isSpooled && { isSpooled: true as const }),
  }
}
