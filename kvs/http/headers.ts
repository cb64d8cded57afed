import type { IncomingMessage } from 'node:http'

/**
 * Whether a request has a header, without sorting all of them into an object, which most requests can do without.
 * @param name in lower case
 */
export function hasHeader({ rawHeaders }: IncomingMessage, name: string): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const candidate = rawHeaders[at] as string
    if (candidate.length === name.length && candidate.toLowerCase() === name) return true
  }
  return false
}

/** Its value; where it is there several times, joined by commas. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  if (!hasHeader(request, name)) return undefined
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
