import type { Handle } from '../http/api/index.ts'
import { authorizationOf, type Guard, jsonReply, maySeeDetails, type Request } from '../http/exchange/index.ts'
import { unlessAborted } from '../lib/abort.ts'
import { valuesOf } from './onward-headers.ts'
import type { Target, TargetRequest } from './target.ts'
import { explain, Late } from './target-failures.ts'
import type { TargetHealth } from './target-health.ts'

export interface ReadinessOptions {
  readonly target: Pick<Target, 'dispatcher' | 'name' | 'servername'>
  readonly pseudonym: string
  readonly health: TargetHealth
  readonly isStopping: () => boolean
  readonly guard: Guard | undefined
}

/** What the target says of itself. */
interface TargetState {
  /** Why requests cannot be forwarded; null where they can. */
  readonly reason: string | null
  /** What the target's /readyz says; null where there is no answer. */
  readonly answer: unknown
}

/** Below what the image's own health check waits. */
const timeoutMs = 2_000

/** A forwarder is ready while its target's own /readyz answers 200; it passes on what the target has to say. */
export function makeReadiness(options: ReadinessOptions): Handle {
  const { target, isStopping, guard } = options
  return async (request) => {
    const { reason, answer } = await stateOf(request, options)
    const state = isStopping() ? 'draining' : 'forwarding'
    const shown = maySeeDetails(request, guard) ? { state, target: target.name, reason, answer } : { state }
    return jsonReply(reason === null ? 200 : 503, shown)
  }
}

async function stateOf(request: Request, options: ReadinessOptions): Promise<TargetState> {
  const { target, health, isStopping } = options
  if (isStopping()) return { reason: 'told to stop', answer: null }
  try {
    const { status, answer } = await ask(request, options)
    health.answered()
    return { reason: status === 200 ? null : `${target.name} is not ready: it answers ${status}`, answer }
  } catch (error) {
    const reason = explain(error instanceof Error ? error : new Error(String(error)), target.name)
    health.failed(reason)
    return { reason, answer: null }
  }
}

/** Rejects with `Late` where the target does not answer in time. */
async function ask(request: Request, options: ReadinessOptions): Promise<{ status: number; answer: unknown }> {
  const late = new AbortController()
  const timer = request.clock.after(timeoutMs, () => late.abort())
  try {
    const inTime = await unlessAborted(send(request, options, late.signal), late.signal)
    if (inTime === undefined) throw new Late(`no answer within ${timeoutMs} ms`)
    return inTime
  } finally {
    timer.cancel()
  }
}

async function send(request: Request, { target, pseudonym }: ReadinessOptions, signal: AbortSignal) {
  const { dispatcher, servername } = target
  const via = [...valuesOf(request.headers, 'via'), `1.1 ${pseudonym}`].join(', ')
  // The target decides what it shows of itself, and to whom.
  const authorization = authorizationOf(request)
  const headers = authorization === undefined ? { via } : { via, authorization }
  const sent: TargetRequest & { signal: AbortSignal } = { method: 'GET', path: '/readyz', headers, signal, servername }
  const { statusCode, body } = await dispatcher.request(sent)
  return { status: statusCode, answer: parsed(await body.text()) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
