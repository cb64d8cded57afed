import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerJson, authorizationOf, type Guard, seesInside } from '../http/exchange/index.ts'
import { unlessAborted } from '../lib/abort.ts'
import { valuesOf } from './onward-headers.ts'
import type { Sent, Target } from './target.ts'
import { explain, Late } from './target-failures.ts'
import type { Reach } from './target-health.ts'

export interface ReadinessOptions {
  readonly target: Pick<Target, 'dispatcher' | 'name' | 'servername'>
  readonly pseudonym: string
  readonly reach: Reach
  readonly isStopping: () => boolean
  readonly guard: Guard | undefined
}

/** Below what the image's own health check waits. */
const timeoutMs = 2_000

/** Ready is who can forward to a node that is ready: 200 where the target's own /readyz answers so, and what it has to say. */
export function makeReadiness({ target, pseudonym, reach, isStopping, guard }: ReadinessOptions) {
  const { dispatcher, servername, name } = target

  async function ask(request: IncomingMessage): Promise<{ status: number; answer: unknown }> {
    const signal = AbortSignal.timeout(timeoutMs)
    const via = [...valuesOf(request.rawHeaders, 'via'), `1.1 ${pseudonym}`].join(', ')
    // What the target tells of itself is for it to decide.
    const authorization = authorizationOf(request)
    const headers = authorization === undefined ? { via } : { via, authorization }
    const sent: Sent & { signal: AbortSignal } = { method: 'GET', path: '/readyz', headers, signal, servername }
    const asked = dispatcher.request(sent)
    const answer = asked.then(async ({ statusCode, body }) => ({
      status: statusCode,
      answer: parsed(await body.text()),
    }))
    const inTime = await unlessAborted(answer, signal)
    if (inTime === undefined) throw new Late(`no answer within ${timeoutMs} ms`)
    return inTime
  }

  async function reasonAnd(request: IncomingMessage): Promise<{ reason: string | null; answer: unknown }> {
    if (isStopping()) return { reason: 'told to stop', answer: null }
    try {
      const { status, answer } = await ask(request)
      reach.answered()
      return { reason: status === 200 ? null : `${name} is not ready: it answers ${status}`, answer }
    } catch (error) {
      const reason = explain(error instanceof Error ? error : new Error(String(error)), name)
      reach.failed(reason)
      return { reason, answer: null }
    }
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { reason, answer } = await reasonAnd(request)
    const state = isStopping() ? 'draining' : 'forwarding'
    const shown = seesInside(request, guard) ? { state, target: name, reason, answer } : { state }
    answerJson(request, response, reason === null ? 200 : 503, shown)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
