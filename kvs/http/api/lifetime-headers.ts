import type { Found } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import { maxDeadline } from '../../core/limits.ts'
import { parseDuration } from '../../lib/durations.ts'
import { headerOf, type Request } from '../exchange/index.ts'
import { formatHttpDate, parseHttpDate } from './http-date.ts'

/** When the key of a PUT is to end by itself, as its client asked for it. */
export interface Lifetime {
  /**
   * The request in one form, whichever header it came by: `ttl=` or `expires=`, and milliseconds. A repetition of the
   * same request has the same text, though its deadline is another one.
   */
  readonly asked: string
  /**
   * The key's deadline, in milliseconds since 1970.
   * @param now the log server's clock
   * @throws KvsError bad_request where it is after the year 9999
   */
  deadlineAt(now: number): number
}

/** Reads a header's value. @throws KvsError bad_request */
type Parse = (text: string, request: Pick<Request, 'clock'>) => Lifetime

const headers: readonly (readonly [name: string, parse: Parse])[] = [
  ['KVS-TTL', parseTtl],
  ['KVS-Expires', parseExpires],
  ['X-TTL', parseSeconds],
]

/** In lower case. They belong to a PUT. */
export const lifetimeHeaders: readonly string[] = headers.map(([name]) => name.toLowerCase())

/**
 * The lifetime in KVS-TTL, KVS-Expires or X-TTL; undefined where there is none.
 * @throws KvsError bad_request
 */
export function lifetimeOf(request: Request): Lifetime | undefined {
  let lifetime: Lifetime | undefined
  for (const [name, parse] of headers) {
    const text = headerOf(request, name.toLowerCase())
    if (text === undefined) continue
    if (lifetime !== undefined) throw bad('a key has one lifetime: send one of KVS-TTL, KVS-Expires and X-TTL')
    lifetime = parse(text.trim(), request)
  }
  return lifetime
}

/** Reads a lifetime in the notation of the settings; undefined for any other text. */
export function lifetimeDuring(text: string): Lifetime | undefined {
  const ms = signed(text, parseDuration)
  return Number.isNaN(ms) ? undefined : during(ms)
}

function parseTtl(text: string): Lifetime {
  const lifetime = lifetimeDuring(text)
  if (lifetime !== undefined) return lifetime
  throw bad('KVS-TTL takes a whole number of ms, s, m or h, such as 300ms or 5m')
}

/** A lifetime in seconds, as unstorage's clients send it. */
function parseSeconds(text: string): Lifetime {
  const ms = signed(text, (digits) => (/^\d+(\.\d+)?$/.test(digits) ? Math.ceil(Number(digits) * 1000) : Number.NaN))
  if (!Number.isNaN(ms)) return during(ms)
  throw bad('X-TTL takes seconds, such as 60 or 0.5')
}

/** A time that is over is as good as none: the key then ends at once. */
function signed(text: string, parse: (digits: string) => number): number {
  return text.startsWith('-') ? -parse(text.slice(1)) : parse(text)
}

const rfc3339 = /^\d{4}-\d\d-(\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

/** Reads a lifetime that ends at a moment as RFC 3339 has it; undefined for any other text. */
export function lifetimeUntil(text: string): Lifetime | undefined {
  const deadline = parseInstant(text)
  return deadline === undefined ? undefined : until(deadline)
}

function parseExpires(text: string, { clock }: Pick<Request, 'clock'>): Lifetime {
  const deadline = parseInstant(text) ?? parseHttpDate(text, clock.wallTime())
  if (deadline !== undefined) return until(deadline)
  throw bad('KVS-Expires takes a moment such as 2030-01-01T00:00:00Z, or an HTTP date')
}

/** Reads a moment as RFC 3339 has it, in milliseconds since 1970; undefined for any other text. */
function parseInstant(text: string): number | undefined {
  const [, day] = rfc3339.exec(text) ?? []
  if (day === undefined) return undefined
  const at = Date.parse(text.toUpperCase().replace(' ', 'T'))
  // A day that the month lacks would be one of the next month.
  const isDay = new Date(Date.parse(`${text.slice(0, 10)}T00:00:00Z`)).getUTCDate() === Number(day)
  return isDay && !Number.isNaN(at) ? at : undefined
}

function until(deadline: number): Lifetime {
  return { asked: `expires=${deadline}`, deadlineAt: () => requireInBounds(deadline) }
}

function during(ms: number): Lifetime {
  return { asked: `ttl=${ms}`, deadlineAt: (now) => requireInBounds(Math.ceil(now + ms)) }
}

/** What ended before 1970 has ended no less in 1970. */
function requireInBounds(deadline: number): number {
  if (deadline <= maxDeadline) return Math.max(0, deadline)
  throw bad('a key’s lifetime ends in the year 9999 at the latest; without one, it stays until it is deleted')
}

/**
 * Headers that tell of a value's times: when it was committed, and when its key ends.
 * @param now the log server's clock in milliseconds since 1970, asked for where the key ends by itself
 */
export function timeHeadersOf(found: Found, { clock }: Pick<Request, 'clock'>, now: () => number): string[] {
  const { modifiedAt } = found
  // A date after that of the answer is not allowed (RFC 9110, 8.8.2.1), but the log server's clock may be ahead.
  const modified =
    modifiedAt === undefined ? [] : ['Last-Modified', formatHttpDate(Math.min(modifiedAt, clock.wallTime()))]
  return [...modified, ...deadlineHeadersOf(found, now)]
}

/** KVS-Expires, and X-TTL in whole seconds, rounded up; none where the key does not end by itself. */
export function deadlineHeadersOf({ deadline }: Pick<Found, 'deadline'>, now: () => number): string[] {
  if (deadline === undefined) return []
  const left = Math.max(0, Math.ceil((deadline - now()) / 1000))
  return ['KVS-Expires', new Date(deadline).toISOString(), 'X-TTL', String(left)]
}

const bad = (sentence: string) => new KvsError('bad_request', `${sentence}; nothing was done`)
