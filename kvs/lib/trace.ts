import { type Random, systemRandom } from './random.ts'

/**
 * Joins a request's log lines with those of other services that take part in it: W3C Trace Context,
 * https://www.w3.org/TR/trace-context/
 */
export interface Trace {
  /** The same for everything that one client's request leads to. */
  readonly traceId: string
  /** Span of the sender of this request; undefined where the sender told no trace. */
  readonly parentId: string | undefined
  readonly flags: string
}

const format = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/**
 * Reads the header `traceparent`. Undefined where it breaks the specification: then it counts as absent, and
 * `tracestate` with it.
 */
export function parseTraceparent(text: string): Trace | undefined {
  const [, version, traceId = '', parentId = '', flags = '', rest = ''] = format.exec(text) ?? []
  // A later version may have more to say, after a dash; 00 has not, and there is no ff.
  if (version === undefined || version === 'ff' || (version === '00' && rest !== '')) return undefined
  return /^0+$/.test(traceId) || /^0+$/.test(parentId) ? undefined : { traceId, parentId, flags }
}

/** Begins a trace. It is not sampled, since no tracer records it. */
export function beginTrace(random: Random = systemRandom): Trace {
  return { traceId: drawHex(random), parentId: undefined, flags: '00' }
}

/** Draws an id for the span that this process has in a trace. */
export function makeSpanId(random: Random = systemRandom): string {
  return drawHex(random).slice(16)
}

/**
 * The header `traceparent` for the next service: in the version that this program knows, with the flags that it knows.
 */
export function writeTraceparent({ traceId, flags }: Trace, spanId: string): string {
  const known = Number.parseInt(flags, 16) & 0x03 // sampled, and random (level 2)
  return `00-${traceId}-${spanId}-0${known}`
}

/** 32 digits, of which 122 bits are random. A UUID is the cheapest source of them, since Node draws many at once. */
function drawHex(random: Random): string {
  return random.uuid().replaceAll('-', '')
}
