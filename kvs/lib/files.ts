import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'

/** Far more than any file that a setting names has to say: a CA bundle has a quarter of it. */
const maxNamedBytes = 1_048_576

/**
 * The text of a file that a setting names, without a byte order mark. The problem names no path: it may be a secret put where
 * its file's name belongs. PEM may have a comment in another encoding: what counts in it is ASCII.
 */
export function readFile(name: string, path: string, problems: string[]): string | undefined {
  try {
    const file = readBounded(path, maxNamedBytes)
    const text = typeof file === 'string' ? undefined : textIn(file.content)
    if (text !== undefined) return text
    problems.push(`${name} names ${typeof file === 'string' ? file : 'a file that is not UTF-8'}`)
  } catch (error) {
    problems.push(unreadable(name, error))
  }
  return undefined
}

function textIn(content: Buffer): string | undefined {
  return isUtf8(content) || content.includes('-----BEGIN ') ? content.toString().replace(/^\uFEFF/, '') : undefined
}

export interface FileContent {
  readonly content: Buffer
  /** Its permissions, as chmod takes them. */
  readonly mode: number
}

/**
 * Reads a file that may have been replaced by anything at all, without ever waiting for it, as a pipe would have it.
 * @returns what is in the way, after "names", where it is no regular file of at most `maxBytes`
 * @throws where it can't be opened or read
 */
export function readBounded(path: string, maxBytes: number): FileContent | string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) return stats.isDirectory() ? 'a directory' : 'what is no regular file'
    const buffer = Buffer.alloc(maxBytes + 1)
    let size = 0
    for (let read = -1; read !== 0 && size < buffer.length; size += read) {
      read = readSync(file, buffer, size, buffer.length - size, null)
    }
    if (size > maxBytes) return `a file of more than ${maxBytes} bytes`
    return { content: buffer.subarray(0, size), mode: stats.mode & 0o777 }
  } finally {
    closeSync(file)
  }
}

/** Whether every user of this machine may read the file; false if it can't be looked at. */
export function canAllRead(path: string): boolean {
  try {
    return (statSync(path).mode & 0o004) !== 0
  } catch {
    return false
  }
}

function unreadable(name: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : 'unknown error'
  return `${name} names a file that can't be read (${code})`
}

/** The object with a field that is not enumerable: neither shown by JSON and util.inspect, nor copied by spreading. */
export function hiding<T extends object, K extends string, V>(
  object: T,
  key: K,
  value: V | undefined,
): T & { [P in K]?: V } {
  return value === undefined ? object : Object.defineProperty(object, key, { value })
}
