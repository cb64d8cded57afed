import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import { beginTrace, parseTraceparent, type Trace } from '../../lib/trace.ts'
import type { RequestLine } from '../../logger/index.ts'
import { headerOf } from './headers.ts'
import type { Answer } from './response.ts'

export interface RequestLogOptions {
  readonly logger: Pick<Logger, 'debug' | 'warn' | 'isLevelEnabled'>
  /** What takes longer is told at warn; undefined is for ever. */
  readonly slowRequestMs: number | undefined
}

const maxShown = 200

/** Told of each request when it is over, with how long it took to be answered in milliseconds. */
export type RequestLog = (answer: Answer, ms: number) => void

/** A line at debug for each request, and one at warn for each slow one. */
export function makeRequestLog({ logger, slowRequestMs = Infinity }: RequestLogOptions): RequestLog {
  const logsAll = logger.isLevelEnabled('debug')

  return (answer, ms) => {
    if (ms >= slowRequestMs) {
      answer.wait(undefined)
      const { waitedFor } = answer.about
      logger.warn({ ...lineOf(answer, ms), ...(waitedFor && { waitedFor }) }, 'slow request')
    } else if (logsAll) {
      logger.debug(lineOf(answer, ms), 'request')
    }
  }
}

/** The trace that the request belongs to, where it tells one. */
export function traceOf(answer: Answer): Trace | undefined {
  const { about, req } = answer
  if (about.trace === undefined) {
    const text = headerOf(req, 'traceparent')
    about.trace = text === undefined ? undefined : parseTraceparent(text)
  }
  return about.trace
}

/** What a client can quote where something has gone wrong, and the log has as `traceId`: the trace's, or one made now. */
export function requestIdOf(answer: Answer): string {
  const trace = traceOf(answer) ?? beginTrace()
  answer.about.trace = trace
  return trace.traceId
}

function lineOf(answer: Answer, ms: number): RequestLine {
  const { req } = answer
  const { key, code, reason, bytes, stored, caller, spanId } = answer.about
  const trace = traceOf(answer)
  return {
    method: req.method ?? '',
    ...(key === undefined ? { path: pathOf(req) } : { key: cut(key) }),
    ...(answer.headersSent && { status: answer.statusCode }),
    ...(code !== undefined && { code }),
    ...(reason !== undefined && { reason }),
    ...(!answer.writableFinished && { aborted: true }),
    ...(bytes !== undefined && { bytes }),
    ...(stored !== undefined && (stored === 'spooled' ? { spooled: true } : { sequence: Number(stored.sequence) })),
    ...(caller !== undefined && { by: caller.name }),
    ...(trace && { traceId: trace.traceId, ...(trace.parentId !== undefined && { parentId: trace.parentId }) }),
    ...(spanId !== undefined && { spanId }),
    ms: Math.round(ms * 1_000) / 1_000,
  }
}

/** A query may hold what is nobody's business, and so may what comes before the path in the absolute form. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const path = url.startsWith('/') ? url : url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '')
  const at = path.indexOf('?')
  return cut(at < 0 ? path : path.slice(0, at))
}

/** Clients choose how long it is, and how often it is logged. */
function cut(text: string): string {
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}
