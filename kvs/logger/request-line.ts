/**
 * The fields of a request's log line, in their order. It contains no value, no query, and no header except the trace.
 */
export interface RequestLine {
  readonly method: string
  /** Key that the path names; undefined when it names none. */
  readonly key?: string
  /** Path as it was sent; undefined when it names a key. */
  readonly path?: string
  /** Status of the response; undefined when the connection closed before it was decided. */
  readonly status?: number
  /** Code of the error in the catalogue; undefined without an error. */
  readonly code?: string
  /** Message of the error; undefined without an error. */
  readonly reason?: string
  /** Set when the client, or a forwarder's target, closed the connection before the response was complete. */
  readonly aborted?: true
  /** Size of the value. */
  readonly bytes?: number
  /** Sequence of the entry that the request wrote or read. */
  readonly sequence?: number
  /** Set when the write was spooled. */
  readonly spooled?: true
  /** Name of the request's token; undefined when tokens are off. */
  readonly by?: string
  readonly traceId?: string
  readonly parentId?: string
  readonly spanId?: string
  /** Duration of the request in milliseconds. */
  readonly ms: number
  /** What took the longest in a slow request; undefined when that is not known. */
  readonly waitedFor?: string
}

export const requestFields: readonly (keyof RequestLine)[] = [
  ...(['method', 'key', 'path', 'status', 'code', 'reason', 'aborted', 'bytes', 'sequence', 'spooled', 'by'] as const),
  ...(['traceId', 'parentId', 'spanId', 'waitedFor', 'ms'] as const),
]

/** Formats the fields as one line for people. */
export function requestText(line: RequestLine): string {
  const { method, key, path, status, code, reason, aborted, bytes, sequence, spooled, by, traceId, waitedFor, ms } =
    line
  return [
    method,
    key === undefined ? quoteIfNeeded(path ?? '') : `key=${quoteIfNeeded(key)}`,
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

/** Quotes a text that a reader could take for several fields, and escapes characters that a terminal would act on. */
function quoteIfNeeded(text: string): string {
  if (/^[!-~]+$/.test(text) && !text.includes('"')) return text
  return JSON.stringify(text).replace(controlCharacters, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Characters that JSON does not escape and a terminal does not print in place: DEL, C1, line ends, directions. */
const controlCharacters = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
