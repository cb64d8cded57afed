import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'

/** Bound on a file that a setting names, in bytes. The largest that is of use, a CA bundle, has a quarter of it. */
const maxSettingFileBytes = 1_048_576

/**
 * Reads the text of a file that a setting names, without a byte order mark. Undefined where it can't; then `problems`
 * has one more. A problem names the setting and not the path, which may be a secret put where its file's name belongs.
 * PEM may have a comment in another encoding, since what counts in it is ASCII.
 */
export function readSettingFile(setting: string, path: string, problems: string[]): string | undefined {
  try {
    const file = readBounded(path, maxSettingFileBytes)
    const text = typeof file === 'string' ? undefined : textIn(file.content)
    if (text !== undefined) return text
    problems.push(`${setting} names ${typeof file === 'string' ? file : 'a file that is not UTF-8'}`)
  } catch (error) {
    problems.push(unreadable(setting, error))
  }
  return undefined
}

function textIn(content: Buffer): string | undefined {
  return isUtf8(content) || content.includes('-----BEGIN ') ? content.toString().replace(/^\uFEFF/, '') : undefined
}

export interface FileContent {
  readonly content: Buffer
  /** Permissions, as chmod takes them. */
  readonly mode: number
}

/**
 * Reads a file that may have been replaced by anything at all. Never waits for it, as reading a pipe would.
 * @returns what is in the way, to follow the word "names", where it is no regular file of at most `maxBytes`
 * @throws Node's error where it can't be opened or read
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

/** Whether every user of this machine may read the file; false where its permissions can't be read. */
export function canAllRead(path: string): boolean {
  try {
    return (statSync(path).mode & 0o004) !== 0
  } catch {
    return false
  }
}

/**
 * Makes the file where there is none, for its owner alone. SQLite gives the files beside its database the same mode.
 */
export function makePrivateFile(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
}

function unreadable(setting: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : 'unknown error'
  return `${setting} names a file that can't be read (${code})`
}
