/** What the log says of a request: the fields of its line, in their order. No value, no header but the trace, no query. */
export interface RequestLine {
  readonly method: string
  /** Of requests whose path names one. */
  readonly key?: string
  /** Of all others, as it came. */
  readonly path?: string
  /** Undefined where the connection was gone before there was one. */
  readonly status?: number
  /** The error's, from the catalogue. */
  readonly code?: string
  readonly reason?: string
  /** The client, or the target, was gone before the answer was out. */
  readonly aborted?: true
  /** Of the value. */
  readonly bytes?: number
  readonly sequence?: number
  readonly spooled?: true
  /** Whose token it came with. */
  readonly by?: string
  readonly traceId?: string
  readonly parentId?: string
  readonly spanId?: string
  readonly ms: number
  /** Of a slow one: what took the longest, where that is known. */
  readonly waitedFor?: string
}

export const requestFields: readonly (keyof RequestLine)[] = [
  ...(['method', 'key', 'path', 'status', 'code', 'reason', 'aborted', 'bytes', 'sequence', 'spooled', 'by'] as const),
  ...(['traceId', 'parentId', 'spanId', 'waitedFor', 'ms'] as const),
]

/** The same in one line for people. */
export function requestText(line: RequestLine): string {
  const { method, key, path, status, code, reason, aborted, bytes, sequence, spooled, by, traceId, waitedFor, ms } =
    line
  return [
    method,
    key === undefined ? shown(path ?? '') : `key=${shown(key)}`,
    status !== undefined && `status=${status}`,
    code,
    aborted && 'aborted',
    bytes !== undefined && `bytes=${bytes}`,
    sequence !== undefined && `sequence=${sequence}`,
    spooled && 'spooled',
    by !== undefined && `by=${by}`,
    traceId !== undefined && `trace=${traceId}`,
    reason !== undefined && `(${reason})`,
    waitedFor !== undefined && `waited-for=${waitedFor}`,
    `${Math.round(ms)}ms`,
  ]
    .filter(Boolean)
    .join(' ')
}

/** What could be taken for more than itself is quoted. */
function shown(text: string): string {
  if (/^[!-~]+$/.test(text) && !text.includes('"')) return text
  return JSON.stringify(text).replace(unseen, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** What a terminal does, or is shown elsewhere than it stands, and JSON lets pass: DEL, C1, line ends, directions. */
const unseen = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
