import { KvsError } from './errors.ts'
import { type Answer, type Call, errorIn, exchange } from './exchange.ts'
import type { CallOptions, ClientOptions } from './options.ts'
import { baseOf } from './path.ts'
import { makePositions, type Positions } from './position.ts'
import { defaultPolicy, policyOf, requirePositive, withRetries } from './retries.ts'

/** What a call of the client sends. */
export interface Outgoing {
  readonly method: Call['method']
  /** Below the service's address, with the query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer> | undefined
  /** Whether it is to show what this client has seen. */
  readonly isRead?: boolean
  /** Whether it may be sent again where no answer comes. */
  readonly isRepeatable: boolean
  readonly options: CallOptions
}

/** Sends a request, again where that may help. Rejects with a KvsError, or with the reason of the caller's signal. */
export type Send = (outgoing: Outgoing) => Promise<Answer>

const defaultTimeoutMs = 30_000

/**
 * Makes the function that sends requests, keeps positions, and turns answers that are errors into errors.
 * @throws TypeError where an option is none that can be
 */
export function makeSender(options: ClientOptions): { send: Send; positions: Positions } {
  const { url, token, timeoutMs = defaultTimeoutMs, retry, position } = options
  const base = baseOf(url)
  const positions = makePositions(position)
  const fetch = options.fetch ?? globalThis.fetch
  requirePositive('timeoutMs', timeoutMs)
  const policy = retry === false ? { ...defaultPolicy, attempts: 1 } : policyOf(retry)
  const always = {
    // JSON first, so that an error comes with its code.
    Accept: 'application/json, */*;q=0.1',
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
  }

  async function once(call: Call, timeoutMs: number, signal: AbortSignal | undefined): Promise<Answer> {
    const answer = await exchange(fetch, call, { timeoutMs, signal })
    notePosition(positions, answer)
    if (answer.status >= 200 && answer.status < 300) return answer
    throw errorIn(answer, call)
  }

  async function send({ method, path, headers, body, isRead, isRepeatable, options }: Outgoing): Promise<Answer> {
    const minPosition = isRead && positions.text !== '' ? { 'KVS-Min-Position': positions.text } : {}
    const call: Call = { method, url: `${base}${path}`, headers: { ...always, ...minPosition, ...headers }, body }
    const { signal } = options
    if (options.timeoutMs !== undefined) requirePositive('timeoutMs', options.timeoutMs)
    const terms = { timeoutMs: options.timeoutMs ?? timeoutMs, isRepeatable, signal }
    return withRetries((attemptMs) => once(call, attemptMs, signal), terms, policy)
  }

  return { send, positions }
}

function notePosition(positions: Positions, { headers, status }: Answer): void {
  try {
    positions.advance(headers.get('kvs-position') ?? '')
  } catch (cause) {
    throw new KvsError('bad_answer', 'KVS-Position of the answer is none', { status, cause })
  }
}
