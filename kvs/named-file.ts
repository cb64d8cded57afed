import { readFileSync } from 'node:fs'

/** The problem names no path: it may be a secret put where its file's name belongs. */
export function readFile(name: string, path: string, problems: string[]): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    problems.push(unreadable(name, error))
    return undefined
  }
}

export function unreadable(name: string, error: unknown): string {
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
