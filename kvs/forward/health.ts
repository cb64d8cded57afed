import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { answerJson } from '../http/answers.ts'
import { unlessAborted } from '../unless-aborted.ts'
import { explain, Late } from './failures.ts'
import { valuesOf } from './headers.ts'
import type { Reach } from './reach.ts'

export interface ReadinessOptions {
  readonly dispatcher: Dispatcher
  readonly target: string
  readonly pseudonym: string
  readonly reach: Reach
  readonly isStopping: () => boolean
}

/** Below what the image's own health check waits. */
const timeoutMs = 2_000

/** Ready is who can forward to a node that is ready: 200 where the target's own /readyz answers so, and what it has to say. */
export function makeReadiness({ dispatcher, target, pseudonym, reach, isStopping }: ReadinessOptions) {
  async function ask(request: IncomingMessage): Promise<{ status: number; answer: unknown }> {
    const signal = AbortSignal.timeout(timeoutMs)
    const via = [...valuesOf(request.rawHeaders, 'via'), `1.1 ${pseudonym}`].join(', ')
    const asked = dispatcher.request({ method: 'GET', path: '/readyz', headers: { via }, signal })
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
      return { reason: status === 200 ? null : `${target} is not ready: it answers ${status}`, answer }
    } catch (error) {
      const reason = explain(error instanceof Error ? error : new Error(String(error)), target)
      reach.failed(reason)
      return { reason, answer: null }
    }
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { reason, answer } = await reasonAnd(request)
    const state = isStopping() ? 'draining' : 'forwarding'
    answerJson(request, response, reason === null ? 200 : 503, { state, target, reason, answer })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
