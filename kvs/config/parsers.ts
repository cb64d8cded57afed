import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { isAddress } from '../lib/addresses.ts'
import { parseDuration } from '../lib/durations.ts'
import { isSafeToQuote, quoteOrRedact } from './redaction.ts'

/** Parses the text of a setting. Throws an Error that says what is wrong and what would be right. */
export type Parser<T> = (text: string) => T

const byteUnits = new Map([
  ['', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
])

/** Parses a whole number with a unit of bytes; NaN when the text is anything else. */
function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([A-Za-z]*)$/.exec(text) ?? []
  return Number(digits) * (byteUnits.get(unit) ?? Number.NaN)
}

export function integer(min: number, max: number): Parser<number> {
  return (text) => whole(text, min, max)
}

/** @param shown the text that an error quotes */
function whole(text: string, min: number, max: number, shown = text): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new Error(`${quoteOrRedact(shown)} is not a whole number from ${min} to ${max}`)
}

/** Parses ports to listen on, separated by commas. 0 takes any free port. */
export const ports: Parser<readonly number[]> = (text) => {
  // A part of a possible secret is not quoted either.
  const port = (part: string) => whole(part, 0, 65_535, isSafeToQuote(text) ? part : text)
  if (!text.includes(',')) return [port(text)]
  const listed = text.split(',').map((part) => part.trim())
  if (listed.includes(''))
    throw new Error(`${quoteOrRedact(text)} has a comma without a port: write ports as 8080,8090`)
  const numbers = listed.map(port)
  const twice = numbers.find((number, index) => numbers.indexOf(number) < index)
  if (twice !== undefined) throw new Error(`${quoteOrRedact(text)} names ${twice} twice: name each port once`)
  return numbers
}

/** Parses a size in bytes, within bounds in the same notation: `bytes('4KiB', '1MiB')`. */
export function bytes(min: string, max: string): Parser<number> {
  return (text) => {
    const value = parseSize(text)
    if (Number.isNaN(value)) {
      throw new Error(
        `${quoteOrRedact(text)} is not a size: write bytes, or a whole number of KiB, MiB or GiB, such as 64KiB`,
      )
    }
    if (value >= parseSize(min) && value <= parseSize(max)) return value
    throw new Error(`${quoteOrRedact(text)} is out of bounds: write ${min} to ${max}`)
  }
}

/**
 * Parses a time in milliseconds, within bounds in the same notation. Past 596h (2^31 - 1 ms) Node's timers would fire
 * at once.
 */
export function duration(min = '1ms', max = '596h'): Parser<number> {
  return (text) => {
    if (/^\d+$/.test(text)) throw new Error(`${quoteOrRedact(text)} has no unit: write ${text}ms, ${text}s or ${text}m`)
    const value = parseDuration(text)
    if (Number.isNaN(value)) {
      throw new Error(`${quoteOrRedact(text)} is not a time: write a whole number of ms, s, m or h, such as 500ms`)
    }
    if (value >= parseDuration(min) && value <= parseDuration(max)) return value
    throw new Error(`${quoteOrRedact(text)} is out of bounds: write ${min} to ${max}`)
  }
}

/** Parses a word that stands for `value`, or anything that `parse` accepts. */
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
    throw new Error(`${quoteOrRedact(text)} is not one of ${words.join(', ')}`)
  }
}

export const text: Parser<string> = (text) => text

/** Parses a path and makes it absolute. Errors never quote the text: it may be a secret in place of its file's name. */
export const path: Parser<string> = (text) => {
  if (!text.startsWith('~')) return resolve(text)
  throw new Error('begins with ~, which only a shell expands: write the path in full')
}

/** Parses a server's `host:port` or `https://host:port`. An IPv6 address is in brackets. */
export const address: Parser<string> = (text) => {
  if (isAddress(text)) return text
  throw new Error(`${quoteOrRedact(text)} is not host:port, such as 10.10.0.2:8080, kvs:8080 or [::1]:8080`)
}

/**
 * Parses what `parse` takes, several of them with commas between, each once.
 * @param what a plural, for errors
 */
export function listOf<T>(parse: Parser<T>, what: string, example: string): Parser<readonly T[]> {
  return (text) => {
    const parts = text.split(',').map((part) => part.trim())
    if (parts.includes('')) throw new Error(`${quoteOrRedact(text)} has an empty part: write ${what} as ${example}`)
    const twice = parts.find((part, index) => parts.indexOf(part) < index)
    if (twice !== undefined) throw new Error(`${quoteOrRedact(text)} has ${quoteOrRedact(twice)} twice`)
    return parts.map(parse)
  }
}

/** Removes the brackets of an IPv6 address; returns any other text unchanged. */
function removeBrackets(text: string): string {
  const [, inside = ''] = /^\[(.*)\]$/.exec(text) ?? []
  return isIPv6(inside) ? inside : text
}

/** Parses a name or an address to listen on. Errors never quote the text: it may be a misplaced URL. */
export const listenHost: Parser<string> = (text) => {
  const host = removeBrackets(text)
  if (/[/*\s[\]]/.test(host) && !/\]:/.test(host))
    throw new Error('is no address: write one, or 0.0.0.0 or :: for all of them')
  if (host.includes(':') && !isIPv6(host)) {
    throw new Error('has a colon but is no IPv6 address: write the host alone, and the port in PORT')
  }
  return host
}

/**
 * Parses a server's name, its address, or the directory of its socket. Errors never quote the text: it may be a
 * misplaced URL.
 */
export const server: Parser<string> = (given) => {
  const text = removeBrackets(given)
  if (text.startsWith('/')) return text
  if (text.includes(',')) throw new Error('names several hosts: one host is supported')
  if (text.includes('/')) throw new Error('is neither a host nor an absolute path: a URL belongs in DATABASE_URL')
  if (text.includes(':') && !isIPv6(text)) {
    throw new Error('has a colon but is no IPv6 address: write the host alone, without a port')
  }
  return text
}
