/** Headers as they came: names and values in turn. Most requests can do without an object made of all of them. */
export interface Headers {
  readonly headers: readonly string[]
}

/** @param name in lower case, as in all functions here */
export function hasHeader({ headers }: Headers, name: string): boolean {
  for (let at = 0; at < headers.length; at += 2) {
    const candidate = headers[at] as string
    if (candidate.length === name.length && candidate.toLowerCase() === name) return true
  }
  return false
}

/** Value of a header; the values of several are joined by commas (RFC 9110, 5.3). */
export function headerOf({ headers }: Headers, name: string): string | undefined {
  let value: string | undefined
  for (let at = 0; at < headers.length; at += 2) {
    const candidate = headers[at] as string
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue
    value = value === undefined ? headers[at + 1] : `${value}, ${headers[at + 1]}`
  }
  return value
}

/** Value of a header that counts once; of several the first. */
export function firstHeaderOf({ headers }: Headers, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    const candidate = headers[at] as string
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[at + 1]
  }
  return undefined
}

/** Value of a header that may be there once; undefined also where there are several. */
export function onlyHeaderOf({ headers }: Headers, name: string): string | undefined {
  let value: string | undefined
  for (let at = 0; at < headers.length; at += 2) {
    const candidate = headers[at] as string
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue
    if (value !== undefined) return undefined
    value = headers[at + 1]
  }
  return value
}

/**
 * Whether the client waits for `100 Continue` before it sends its body (RFC 9110, 10.1.1). One that speaks HTTP/1.0
 * never gets it: it knows no interim responses and would take the 100 for the final one.
 */
export function awaitsContinue(request: Headers & { readonly version: string }): boolean {
  return request.version !== '1.0' && /^100-continue$/i.test(headerOf(request, 'expect') ?? '')
}

/** Whether there is a body (RFC 9112, 6.3). An empty one counts as none: all of it has arrived. */
export function hasBody(request: Headers): boolean {
  return hasHeader(request, 'transfer-encoding') || Number(onlyHeaderOf(request, 'content-length') ?? 0) > 0
}

/** Whether there is exactly one Host; HTTP/1.0 needs none (RFC 9112, 3.2). */
export function isHostGiven({ headers, version }: Headers & { readonly version: string }): boolean {
  let hosts = 0
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts === 1 || (hosts === 0 && version === '1.0')
}
