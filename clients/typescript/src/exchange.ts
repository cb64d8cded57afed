import { type FailedCondition, KvsError } from './errors.ts'

/** A request, ready to be sent as often as it has to be. */
export interface Call {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer> | undefined
}

/** Of a timer, which goes off at once where it is set to more: 24 days. */
const longestTimeoutMs = 2 ** 31 - 1

/** An answer of the service that is no error. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array<ArrayBuffer>
}

/**
 * Sends a request once and reads the whole answer. Rejects with the signal's reason where the caller gives up, and with
 * a KvsError where no answer comes within `timeoutMs`, or none at all.
 */
export async function exchange(
  fetch: typeof globalThis.fetch,
  { method, url, headers, body }: Call,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined },
): Promise<Answer> {
  const timeout = AbortSignal.timeout(Math.min(Math.max(1, Math.ceil(timeoutMs)), longestTimeoutMs))
  const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout])
  try {
    // A redirect's end could answer with a page that would pass for a value.
    const response = await fetch(url, { method, headers, body: body ?? null, signal: either, redirect: 'manual' })
    return { status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) }
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    if (timeout.aborted) throw new KvsError('timeout', `no answer to ${method} ${url} in time`, { cause })
    const why = reasonOf(cause)
    throw new KvsError('unreachable', `no answer to ${method} ${url}${why === '' ? '' : `: ${why}`}`, { cause })
  }
}

/** fetch says "fetch failed", and what happened in the cause. */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(inner instanceof Error)) return String(inner)
  const code = 'code' in inner ? String(inner.code) : ''
  return inner.message || code
}

/** The error that an answer of 300 or more is. */
export function errorIn({ status, headers, body }: Answer, { method, url }: Call): KvsError {
  const problem = problemIn(headers.get('content-type'), body)
  const details = {
    status,
    retryAfter: retryAfterIn(headers),
    etag: headers.get('etag') ?? undefined,
    deleted: numberIn(headers.get('kvs-deleted')),
    failed: problem.failed,
  }
  if (problem.code !== undefined) {
    return new KvsError(problem.code, problem.detail ?? `${method} ${url}: ${problem.code}`, details)
  }
  // A HEAD has no body that would say why; that a key has no value, only a node says.
  if (method === 'HEAD' && status === 404 && headers.has('kvs-position')) {
    return new KvsError('no_such_key', 'no such key', details)
  }
  // A transaction's body has the conditions alone.
  if (status === 412) {
    return new KvsError('condition_failed', 'the condition does not hold; nothing was stored', details)
  }
  return new KvsError('unexplained', `${method} ${url} was answered with ${status}, and no explanation`, details)
}

interface Problem {
  readonly code?: string
  readonly detail?: string
  readonly failed?: readonly FailedCondition[]
}

function problemIn(type: string | null, body: Uint8Array): Problem {
  if (!/^application\/(problem\+)?json\b/i.test(type ?? '')) return {}
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body))
    if (typeof parsed !== 'object' || parsed === null) return {}
    return {
      ...('code' in parsed && typeof parsed.code === 'string' && { code: parsed.code }),
      ...('detail' in parsed && typeof parsed.detail === 'string' && { detail: parsed.detail }),
      ...('failed' in parsed && Array.isArray(parsed.failed) && { failed: parsed.failed as FailedCondition[] }),
    }
  } catch {
    return {} // it is no JSON after all, and stays unexplained
  }
}

/** Seconds; the service never gives a date. */
function retryAfterIn(headers: Headers): number | undefined {
  return numberIn(headers.get('retry-after'))
}

function numberIn(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}
