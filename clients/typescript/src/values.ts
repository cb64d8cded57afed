import type { Answer } from './exchange.ts'

/** What is known of a value. */
export interface Meta {
  /** Names the entry that set the value, with its quotes; undefined while it is not in the log yet. */
  readonly etag: string | undefined
  readonly contentType: string | undefined
  /** Bytes. */
  readonly size: number
  /** When the value was committed, to the second; undefined while it is not in the log yet. */
  readonly modifiedAt: Date | undefined
  /** When the key ends by itself; undefined for never. */
  readonly expires: Date | undefined
  /** Whether the value is on the node's disk alone, since the log is down. */
  readonly isSpooled: boolean
}

/** A value, with what is known of it. */
export interface Value extends Meta {
  readonly value: Uint8Array<ArrayBuffer>
}

/** What became of a write. */
export interface Written {
  /** With its quotes; undefined where the write is spooled, or a delete. */
  readonly etag: string | undefined
  /** Whether it is on the node's disk alone, since the log is down; it comes to the log by itself. */
  readonly isSpooled: boolean
  /**
   * How many logs of a group of sites had it when it was answered, 0 where it is spooled. Undefined where the service
   * waits for no copies. Fewer than its KVS_MIN_COPIES: it is committed, and other sites get it later.
   */
  readonly copies: number | undefined
}

/** How long a key lives: at most one of the two. */
export interface Lifetime {
  /** Milliseconds, or text such as `90s`, `15m`, `12h`. */
  readonly ttl?: number | string | undefined
  /** The moment of its end. */
  readonly expires?: Date | undefined
}

export function metaIn({ headers, body }: Answer): Meta {
  return {
    etag: headers.get('etag') ?? undefined,
    contentType: headers.get('content-type') ?? undefined,
    size: Number(headers.get('content-length') ?? body.length),
    modifiedAt: dateIn(headers.get('last-modified')),
    expires: dateIn(headers.get('kvs-expires')),
    isSpooled: isSpooled(headers),
  }
}

export function isSpooled(headers: Headers): boolean {
  return headers.get('kvs-durability') === 'spooled'
}

/** The KVS-Copies of a write; undefined where there are none. */
export function copiesIn(headers: Headers): number | undefined {
  const text = headers.get('kvs-copies') ?? ''
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** Undefined where there is no date. */
export function dateIn(text: string | null | undefined): Date | undefined {
  const date = text ? new Date(text) : undefined
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date
}

/**
 * A lifetime as the service reads it: a duration, or a moment.
 * @throws TypeError
 */
export function lifetimeIn({ ttl, expires }: Lifetime): { ttl?: string; expires?: string } {
  if (ttl !== undefined && expires !== undefined) throw new TypeError('a key takes ttl or expires, and not both')
  if (ttl !== undefined) return { ttl: typeof ttl === 'string' ? ttl : `${wholeMs(ttl)}ms` }
  if (expires === undefined) return {}
  if (Number.isNaN(expires.getTime())) throw new TypeError('expires is no valid date')
  return { expires: expires.toISOString() }
}

/** A key never ends early: part of a millisecond counts as a whole one. */
function wholeMs(ttl: number): number {
  if (Number.isFinite(ttl)) return Math.max(0, Math.ceil(ttl))
  throw new TypeError(`ttl is to be a number of milliseconds, and is ${ttl}`)
}

/**
 * Bytes of a value.
 * @throws TypeError where text has no UTF-8 form, or the value is neither text nor bytes
 */
export function bytesOf(value: string | Uint8Array | ArrayBuffer): Uint8Array<ArrayBuffer> {
  if (typeof value === 'string') {
    if (value.isWellFormed()) return new TextEncoder().encode(value)
    throw new TypeError('the value has half of a surrogate pair: other bytes than text are given as a Uint8Array')
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  throw new TypeError('a value is a string, a Uint8Array or an ArrayBuffer')
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

/** Base64 with padding (RFC 4648, 4). */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  // Arguments go on the stack, so that they may not be too many.
  for (let at = 0; at < bytes.length; at += 8_192) binary += String.fromCharCode(...bytes.subarray(at, at + 8_192))
  return btoa(binary)
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
