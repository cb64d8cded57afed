import { type Answer, traceOf } from '../http/exchange/index.ts'
import { beginTrace, makeSpanId, writeTraceparent } from '../lib/trace.ts'

/**
 * The headers that have the target log the same trace: the request's own, or one that begins here, with this node as the
 * parent. Where the request's is none, nor may its `tracestate` go on.
 */
export function joinTrace(answer: Answer): string[] {
  const own = traceOf(answer)
  const trace = own ?? beginTrace()
  const spanId = makeSpanId()
  answer.about.trace = trace
  answer.about.spanId = spanId
  const state = own === undefined ? undefined : answer.req.headers.tracestate
  const traceparent = ['traceparent', writeTraceparent(trace, spanId)]
  return state === undefined ? traceparent : [...traceparent, 'tracestate', String(state)]
}
