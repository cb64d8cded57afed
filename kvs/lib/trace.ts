import type { Random } from './random.ts'

/** What joins a request's lines with those of others that had part in it: W3C Trace Context, https://www.w3.org/TR/trace-context/ */
export interface Trace {
  /** The same for all that one client's request leads to. */
  readonly traceId: string
  /** Of who has sent the request here; undefined where that one has told no trace. */
  readonly parentId: string | undefined
  readonly flags: string
}

/** Undefined where it is not what the specification demands; then it counts as not there, and `tracestate` with it. */
export function parseTraceparent(text: string): Trace | undefined {
  const [, version, traceId = '', parentId = '', flags = '', rest = ''] = format.exec(text) ?? []
  // A later version may have more to say, after a dash; 00 has not, and there is no ff.
  if (version === undefined || version === 'ff' || (version === '00' && rest !== '')) return undefined
  return /^0+$/.test(traceId) || /^0+$/.test(parentId) ? undefined : { traceId, parentId, flags }
}

const format = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Not sampled, since it is in no tracer's record. */
export function beginTrace(random: Random): Trace {
  return { traceId: hex(random), parentId: undefined, flags: '00' }
}

/** The id of a part that this process has in a trace. */
export function makeSpanId(random: Random): string {
  return hex(random).slice(16)
}

/** As the next one is to get it: in the version that this program knows, with the flags that it knows. */
export function writeTraceparent({ traceId, flags }: Trace, spanId: string): string {
  const known = Number.parseInt(flags, 16) & 0x03 // sampled, and random (level 2)
  return `00-${traceId}-${spanId}-0${known}`
}

/** 32 digits, of which 122 bits are random; drawn by Node for many at once. */
function hex(random: Random): string {
  return random.uuid().replaceAll('-', '')
}
