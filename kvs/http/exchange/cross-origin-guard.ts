import { KvsError } from '../../core/errors.ts'
import type { Request } from './request.ts'

/** How a service without tokens is kept from web pages in the browsers of those who can connect to it. */
export interface CrossOriginBounds {
  /** Names that clients may call the service by, in Host. */
  readonly hosts: 'loopback' | 'any'
}

/** Names that no attacker can make resolve to an address of their choice (RFC 6761, 6.3). */
const ownHost = /^(?:(?:[\w-]+\.)*localhost\.?|\d+\.\d+\.\d+\.\d+|\[[\da-f:.]+\])(?::\d*)?$/i

/**
 * Makes the guard against cross-origin requests: CSRF, and DNS rebinding, where a page's own name resolves to this
 * service so that the browser takes the service for the page's. The guard returns the error for a request that a page
 * of another origin may have sent, and undefined for all others.
 *
 * Sec-Fetch-Site is believed over Origin, which may name a proxy that Host does not name. Following a link is allowed:
 * no page sees the reply.
 */
export function makeCrossOriginGuard({ hosts }: CrossOriginBounds): (request: Request) => KvsError | undefined {
  /** Host that was last found to be allowed; clients send the same one over and over. */
  let known = ''

  function isOwn(host: string): boolean {
    if (host === known) return true
    if (!ownHost.test(host)) return false
    known = host
    return true
  }

  return ({ headers, method }) => {
    let host: string | undefined
    let origin: string | undefined
    let site: string | undefined
    let mode: string | undefined
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at] as string
      if (name.length !== 4 && name.length !== 6 && name.length !== 14) continue
      const lower = name.toLowerCase()
      if (lower === 'host') {
        if (host !== undefined) return undefined // the dispatcher refuses two of them
        host = headers[at + 1] as string
      } else if (lower === 'origin') origin = headers[at + 1]
      else if (lower === 'sec-fetch-site') site = headers[at + 1]
      else if (lower === 'sec-fetch-mode') mode = headers[at + 1]
    }
    if (hosts === 'loopback' && host && !isOwn(host)) return new KvsError('misdirected')
    if (site === undefined) return origin === undefined || isAt(origin, host) ? undefined : new KvsError('cross_origin')
    if (site === 'same-origin' || site === 'none') return undefined
    return mode === 'navigate' && (method === 'GET' || method === 'HEAD') ? undefined : new KvsError('cross_origin')
  }
}

function isAt(origin: string, host = ''): boolean {
  return origin.replace(/^https?:\/\//i, '').toLowerCase() === host.toLowerCase()
}
