import { beginTrace, parseTraceparent, type Trace } from '../../lib/trace.ts'
import { headerOf } from './headers.ts'
import type { Request } from './request.ts'

/** The trace that a request belongs to; undefined where it names none. */
export function traceOf(request: Request): Trace | undefined {
  const { telemetry } = request
  if (telemetry.trace === undefined) {
    const text = headerOf(request, 'traceparent')
    telemetry.trace = text === undefined ? undefined : parseTraceparent(text)
  }
  return telemetry.trace
}

/** An id that a client can quote after an error, and that the log has as `traceId`: the trace's, or a new one. */
export function requestIdOf(request: Request): string {
  const trace = traceOf(request) ?? beginTrace(request.random)
  request.telemetry.trace = trace
  return trace.traceId
}
