import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { mayBeShown, quoted } from './quoted.ts'

/** Turns a setting's text into its value, or throws an Error that says what is wrong and what would be right. */
export type Parser<T> = (text: string) => T

const byteUnits = new Map([
  ['', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
])

const timeUnits = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/** NaN where the text is not a whole number followed by one of the units. */
function measure(text: string, units: ReadonlyMap<string, number>): number {
  const [, digits, unit = ''] = /^(\d+)([A-Za-z]*)$/.exec(text) ?? []
  return Number(digits) * (units.get(unit) ?? Number.NaN)
}

export function integer(min: number, max: number): Parser<number> {
  return (text) => whole(text, min, max)
}

/** @param told what an error quotes */
function whole(text: string, min: number, max: number, told = text): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new Error(`${quoted(told)} is not a whole number from ${min} to ${max}`)
}

/** Ports to listen on, separated by commas; 0 takes any free one. */
export const ports: Parser<readonly number[]> = (text) => {
  // A part of what may be a secret is not told either.
  const port = (part: string) => whole(part, 0, 65_535, mayBeShown(text) ? part : text)
  if (!text.includes(',')) return [port(text)]
  const listed = text.split(',').map((part) => part.trim())
  if (listed.includes('')) throw new Error(`${quoted(text)} has a comma without a port: write ports as 8080,8090`)
  const numbers = listed.map(port)
  const twice = numbers.find((number, index) => numbers.indexOf(number) < index)
  if (twice !== undefined) throw new Error(`${quoted(text)} names ${twice} twice: name each port once`)
  return numbers
}

/** A size in bytes, within bounds written the same way: bytes('4KiB', '1MiB'). */
export function bytes(min: string, max: string): Parser<number> {
  return (text) => {
    const value = measure(text, byteUnits)
    if (Number.isNaN(value)) {
      throw new Error(`${quoted(text)} is not a size: write bytes, or a whole number of KiB, MiB or GiB, such as 64KiB`)
    }
    if (value >= measure(min, byteUnits) && value <= measure(max, byteUnits)) return value
    throw new Error(`${quoted(text)} is out of bounds: write ${min} to ${max}`)
  }
}

/**
 * A time in milliseconds, within bounds written the same way. No time can be above 596h: past 2^31 - 1 ms
 * Node's timers fire at once.
 */
export function duration(min = '1ms', max = '596h'): Parser<number> {
  return (text) => {
    if (/^\d+$/.test(text)) throw new Error(`${quoted(text)} has no unit: write ${text}ms, ${text}s or ${text}m`)
    const value = measure(text, timeUnits)
    if (Number.isNaN(value)) {
      throw new Error(`${quoted(text)} is not a time: write a whole number of ms, s, m or h, such as 500ms`)
    }
    if (value >= measure(min, timeUnits) && value <= measure(max, timeUnits)) return value
    throw new Error(`${quoted(text)} is out of bounds: write ${min} to ${max}`)
  }
}

/** What `parse` takes, and besides it a word that stands for `value`. */
export function orWord<T, V>(word: string, value: V, parse: Parser<T>): Parser<T | V> {
  return (text) => {
    if (text === word) return value
    try {
      return parse(text)
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}, or ${word}`)
    }
  }
}

export function oneOf<const T extends string>(...words: T[]): Parser<T> {
  return (text) => {
    const word = words.find((word) => word === text)
    if (word !== undefined) return word
    throw new Error(`${quoted(text)} is not one of ${words.join(', ')}`)
  }
}

export const text: Parser<string> = (text) => text

/** A path, made absolute. Its text is never quoted: it may be a secret put where its file's name belongs. */
export const path: Parser<string> = (text) => {
  if (!text.startsWith('~')) return resolve(text)
  throw new Error('begins with ~, which only a shell expands: write the path in full')
}

/** A server's `host:port`, or `https://host:port`, as it can stand in a URL; an IPv6 address is in brackets. */
export const address: Parser<string> = (text) => {
  const bare = text.replace(/^https:\/\//, '')
  const hostname = URL.parse(`http://${bare}`)?.hostname
  const [, host, port = ''] = /^(\[[^\]]*\]|[^:/?#@\\]+):(\d+)$/.exec(bare) ?? []
  // A URL takes other texts for addresses as well: 10.2 for 10.0.0.2
  const isHost = hostname === host?.toLowerCase() || isIPv6(host?.slice(1, -1) ?? '')
  if (host && isHost && Number(port) >= 1 && Number(port) <= 65_535) return text
  throw new Error(`${quoted(text)} is not host:port, such as 10.10.0.2:8080, kvs:8080 or [::1]:8080`)
}

/** An IPv6 address without the brackets that it has in a URL; any other text as it is. */
function unbracketed(text: string): string {
  const [, inside = ''] = /^\[(.*)\]$/.exec(text) ?? []
  return isIPv6(inside) ? inside : text
}

/** A name or an address to listen on. Its text is never quoted: it may be a misplaced URL. */
export const listenHost: Parser<string> = (text) => {
  const host = unbracketed(text)
  if (/[/*\s[\]]/.test(host) && !/\]:/.test(host))
    throw new Error('is no address: write one, or 0.0.0.0 or :: for all of them')
  if (host.includes(':') && !isIPv6(host)) {
    throw new Error('has a colon but is no IPv6 address: write the host alone, and the port in PORT')
  }
  return host
}

/** A server's name or address, or the directory of its socket. Its text is never quoted: it may be a misplaced URL. */
export const server: Parser<string> = (given) => {
  const text = unbracketed(given)
  if (text.startsWith('/')) return text
  if (text.includes(',')) throw new Error('names several hosts: one host is supported')
  if (text.includes('/')) throw new Error('is neither a host nor an absolute path: a URL belongs in DATABASE_URL')
  if (text.includes(':') && !isIPv6(text)) {
    throw new Error('has a colon but is no IPv6 address: write the host alone, without a port')
  }
  return text
}
