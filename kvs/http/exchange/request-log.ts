import type { Logger } from 'pino'
import type { RequestLine } from '../../logger/index.ts'
import type { Request } from './request.ts'
import { traceOf } from './request-trace.ts'
import { noteWait } from './telemetry.ts'

export interface RequestLogOptions {
  readonly logger: Pick<Logger, 'debug' | 'warn' | 'isLevelEnabled'>
  /** A request that takes longer is logged at warn; undefined turns that off. */
  readonly slowRequestMs: number | undefined
}

/** Longest key or path in a line, in characters. Clients choose how long they are, and how often they are logged. */
const maxShown = 200

/**
 * Logs a request that is over.
 * @param isSent whether all of the reply was handed to the operating system
 * @param ms from the arrival of the headers until then
 */
export type RequestLog = (request: Request, isSent: boolean, ms: number) => void

/** Writes a line at debug for each request, and one at warn for each slow one. */
export function makeRequestLog({ logger, slowRequestMs = Infinity }: RequestLogOptions): RequestLog {
  const logsAll = logger.isLevelEnabled('debug')

  return (request, isSent, ms) => {
    if (ms >= slowRequestMs && !request.telemetry.isFeed) {
      noteWait(request, undefined)
      const { waitedFor } = request.telemetry
      logger.warn({ ...lineOf(request, isSent, ms), ...(waitedFor && { waitedFor }) }, 'slow request')
    } else if (logsAll) {
      logger.debug(lineOf(request, isSent, ms), 'request')
    }
  }
}

function lineOf(request: Request, isSent: boolean, ms: number): RequestLine {
  const { method, caller } = request
  const { key, status, code, reason, bytes, stored, spanId } = request.telemetry
  const trace = traceOf(request)
  return {
    method,
    ...(key === undefined ? { path: shownPath(request) } : { key: cut(key) }),
    ...(status !== undefined && { status }),
    ...(code !== undefined && { code }),
    ...(reason !== undefined && { reason }),
    ...(!isSent && { aborted: true }),
    ...(bytes !== undefined && { bytes }),
    ...(stored !== undefined && (stored === 'spooled' ? { spooled: true } : { sequence: Number(stored.sequence) })),
    ...(caller !== undefined && { by: caller.name }),
    ...(trace && { traceId: trace.traceId, ...(trace.parentId !== undefined && { parentId: trace.parentId }) }),
    ...(spanId !== undefined && { spanId }),
    ms: Math.round(ms * 1_000) / 1_000,
  }
}

/** The path as the log shows it: a query may hold secrets, and so may the user of an absolute URL. */
export function shownPath({ target }: Pick<Request, 'target'>): string {
  const path = target.startsWith('/') ? target : target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '')
  const at = path.indexOf('?')
  return cut(at < 0 ? path : path.slice(0, at))
}

function cut(text: string): string {
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}
