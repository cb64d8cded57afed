import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { KvsError } from '../../core/errors.ts'
import { requestIdOf } from './request-log.ts'
import type { Answer } from './response.ts'

/** A stored page must not run as this service's own: no scripts, no origin, no guessing of types. */
export const valueHeaders = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "default-src 'none'; sandbox",
  'Cache-Control',
  'no-cache',
]

export const retryAfterSeconds = '1'

/** How an error looks: the answer's Content-Type and its body. */
export type RenderError = (error: KvsError, request: IncomingMessage) => readonly [type: string, body: string]

/** The only translation of errors into answers. Those that are the service's own fault have an id for the operator to look for. */
export function answerError(
  request: IncomingMessage,
  response: Answer,
  error: KvsError,
  headers: readonly string[] = [],
  renderAs: RenderError = renderAsAccepted,
): void {
  const { status } = error
  response.about.code = error.code
  const [type, body] = renderAs(error, request)
  response.writeHead(status, [
    'Content-Type',
    type,
    'Content-Length',
    String(Buffer.byteLength(body)),
    'X-Content-Type-Options',
    'nosniff',
    'Cache-Control',
    'no-store',
    ...(status === 503 || status === 429 ? ['Retry-After', retryAfterSeconds] : []),
    ...(status >= 500 ? ['X-Request-Id', requestIdOf(response)] : []),
    ...(isUploading(request) ? ['Connection', 'close'] : []),
    ...headers,
  ])
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Whether more of the body is to come. To answer it all the same is to close the connection; see linger.ts. */
export function isUploading({ complete, headers }: IncomingMessage): boolean {
  return !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
}

/** One line of text for curl; RFC 9457 for a client that asks for JSON. */
export function render(error: KvsError, asJson: boolean): [type: string, body: string] {
  if (!asJson) return ['text/plain; charset=utf-8', `${error.message}\n`]
  const problem = {
    type: 'about:blank',
    title: STATUS_CODES[error.status],
    status: error.status,
    detail: error.message,
    code: error.code,
  }
  return ['application/problem+json', `${JSON.stringify(problem)}\n`]
}

/** `{"error": "…"}`, whatever the client accepts. */
export const renderAsErrorJson = ({ message: error }: KvsError) =>
  ['application/json', JSON.stringify({ error })] as const

export const renderAsAccepted: RenderError = (error, { headers }) => render(error, wantsJson(headers.accept))

export function answerJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
  headers: readonly string[] = [],
): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(Buffer.byteLength(text)),
    'Cache-Control',
    'no-store',
    ...(status === 503 ? ['Retry-After', retryAfterSeconds] : []),
    ...headers,
  ])
  response.end(request.method === 'HEAD' ? undefined : text)
}

/** Whether an Accept header names JSON; a wildcard does not, since curl sends one. */
function wantsJson(accept: string | undefined): boolean {
  return accept !== undefined && /\bapplication\/(problem\+)?json\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept)
}
