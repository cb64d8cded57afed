import type { KvsError } from '../../core/errors.ts'
import { headerOf } from './headers.ts'
import { reasonPhrases } from './reason-phrases.ts'
import { type Reply, retryAfterSeconds } from './reply.ts'
import type { Request } from './request.ts'
import { requestIdOf } from './request-trace.ts'

/** Renders an error as a dialect has it: Content-Type and body of the reply. */
export type RenderError = (error: KvsError, request: Request) => readonly [type: string, body: string]

/** Translates an error into a reply. One that is the service's own fault has an id for the operator to look for. */
export function errorReply(
  request: Request,
  error: KvsError,
  headers: readonly string[] = [],
  renderAs: RenderError = renderAsAccepted,
): Reply {
  const { status } = error
  request.telemetry.code = error.code
  const [type, body] = renderAs(error, request)
  return {
    status,
    headers: [
      'Content-Type',
      type,
      'Content-Length',
      String(Buffer.byteLength(body)),
      'X-Content-Type-Options',
      'nosniff',
      'Cache-Control',
      'no-store',
      ...(status === 503 || status === 429 ? ['Retry-After', retryAfterSeconds] : []),
      ...(status >= 500 ? ['X-Request-Id', requestIdOf(request)] : []),
      ...(request.isUploading ? ['Connection', 'close'] : []),
      ...headers,
    ],
    body,
  }
}

/** One line of text for curl; problem details (RFC 9457) for a client that asks for JSON. */
export function renderError(error: KvsError, asJson: boolean): [type: string, body: string] {
  if (!asJson) return ['text/plain; charset=utf-8', `${error.message}\n`]
  const problem = {
    type: 'about:blank',
    title: reasonPhrases[error.status],
    status: error.status,
    detail: error.message,
    code: error.code,
  }
  return ['application/problem+json', `${JSON.stringify(problem)}\n`]
}

/** `{"error": "…"}`, whatever the client accepts. */
export const renderAsErrorJson: RenderError = ({ message: error }) =>
  ['application/json', JSON.stringify({ error })] as const

/** Text or problem details, by the Accept header. */
export const renderAsAccepted: RenderError = (error, request) =>
  renderError(error, wantsJson(headerOf(request, 'accept')))

/** Whether an Accept header names JSON; a wildcard does not, since curl sends one. */
function wantsJson(accept: string | undefined): boolean {
  return accept !== undefined && /\bapplication\/(problem\+)?json\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept)
}
