import { headerOf, type Request, traceOf } from '../http/exchange/index.ts'
import { beginTrace, makeSpanId, writeTraceparent } from '../lib/trace.ts'

/**
 * The headers that make the target log the same trace: the request's own, or one that begins here, with this node as
 * the parent. `tracestate` goes on only with a trace of the request's.
 */
export function joinTrace(request: Request): string[] {
  const { telemetry, random } = request
  const own = traceOf(request)
  const trace = own ?? beginTrace(random)
  const spanId = makeSpanId(random)
  telemetry.trace = trace
  telemetry.spanId = spanId
  const state = own === undefined ? undefined : headerOf(request, 'tracestate')
  const traceparent = ['traceparent', writeTraceparent(trace, spanId)]
  return state === undefined ? traceparent : [...traceparent, 'tracestate', state]
}
