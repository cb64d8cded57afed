import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import type { RequestLine } from '../request-line.ts'
import { beginTrace, parseTraceparent, type Trace } from '../trace.ts'
import type { Answer } from './answer.ts'
import { headerOf } from './headers.ts'

export interface RequestLogOptions {
  readonly logger: Pick<Logger, 'debug' | 'warn' | 'isLevelEnabled'>
  /** What takes longer is told at warn; undefined is for ever. */
  readonly slowRequestMs: number | undefined
}

/** Told of each request when it is over, with what it took in milliseconds. */
export type RequestLog = (answer: Answer, ms: number) => void

/** A line at debug for each request, and one at warn for each slow one. */
export function makeRequestLog({ logger, slowRequestMs = Infinity }: RequestLogOptions): RequestLog {
  const logsAll = logger.isLevelEnabled('debug')

  return (answer, ms) => {
    if (ms >= slowRequestMs) {
      answer.wait(undefined)
      const { waitedFor } = answer
      logger.warn({ ...lineOf(answer, ms), ...(waitedFor && { waitedFor }) }, 'slow request')
    } else if (logsAll) {
      logger.debug(lineOf(answer, ms), 'request')
    }
  }
}

/** The trace that the request belongs to, where it tells one. */
export function traceOf(answer: Answer): Trace | undefined {
  if (answer.trace === undefined) {
    const text = headerOf(answer.req, 'traceparent')
    answer.trace = text === undefined ? undefined : parseTraceparent(text)
  }
  return answer.trace
}

/** What a client can quote where something has gone wrong, and the log has as `traceId`: the trace's, or one made now. */
export function requestIdOf(answer: Answer): string {
  answer.trace = traceOf(answer) ?? beginTrace()
  return answer.trace.traceId
}

function lineOf(answer: Answer, ms: number): RequestLine {
  const { req, key, code, reason, bytes, stored, by, spanId } = answer
  const trace = traceOf(answer)
  return {
    method: req.method ?? '',
    ...(key === undefined ? { path: pathOf(req) } : { key }),
    ...(answer.headersSent && { status: answer.statusCode }),
    ...(code !== undefined && { code }),
    ...(reason !== undefined && { reason }),
    ...(!answer.writableFinished && { aborted: true }),
    ...(bytes !== undefined && { bytes }),
    ...(stored !== undefined && (stored === 'spooled' ? { spooled: true } : { sequence: Number(stored.sequence) })),
    ...(by !== undefined && { by }),
    ...(trace && { traceId: trace.traceId, ...(trace.parentId !== undefined && { parentId: trace.parentId }) }),
    ...(spanId !== undefined && { spanId }),
    ms: Math.round(ms * 1_000) / 1_000,
  }
}

/** A query may hold what is nobody's business. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const at = url.indexOf('?')
  return at < 0 ? url : url.slice(0, at)
}
