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

/**
 * Whether the client waits to be told to send its body (RFC 9110, 10.1.1). One that speaks HTTP/1.0 is never told: it knows
 * no interim answers, and would take the 100 for the answer.
 */
export function awaitsContinue({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== '1.0' && /^100-continue$/i.test(headers.expect ?? '')
}

/** RFC 9112, 6.3. An empty one counts as none: all of it is there. */
export function hasBody(request: IncomingMessage): boolean {
  return hasHeader(request, 'transfer-encoding') || Number(onlyHeaderOf(request, 'content-length') ?? 0) > 0
}

/** Exactly one, but that HTTP/1.0 needs none (RFC 9112, 3.2). */
export function isHostGiven({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0')
}

/** Of a body, in lower case; undefined where there is none. One that is told on several lines is joined by commas. */
export function transferCodingOf({ rawHeaders }: IncomingMessage): string | undefined {
  let coding: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length !== 17 || name.toLowerCase() !== 'transfer-encoding') continue
    const value = (rawHeaders[at + 1] as string).toLowerCase()
    coding = coding === undefined ? value : `${coding}, ${value}`
  }
  return coding
}

/** Its value; where it is there several times, joined by commas. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  if (!hasHeader(request, name)) return undefined
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** The value of a header that may be there once; undefined where it is there several times, too. */
export function onlyHeaderOf({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  let value: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const candidate = rawHeaders[at] as string
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue
    if (value !== undefined) return undefined
    value = rawHeaders[at + 1]
  }
  return value
}
