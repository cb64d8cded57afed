import { KvsError } from '../../core/errors.ts'
import { headerOf } from './headers.ts'
import type { Request } from './request.ts'

/** How a service without tokens is kept from web pages in the browsers of those who can connect to it. */
export interface CrossOriginBounds {
  /** Names that clients may call the service by, in Host. */
  readonly hosts: 'loopback' | 'any'
}

/** Names that no attacker can make resolve to an address of their choice (RFC 6761, 6.3). */
const ownHost = /^(?:(?:[\w-]+\.)*localhost\.?|\d+\.\d+\.\d+\.\d+|\[[\da-f:.]+\])(?::\d*)?$/i

/** Paths at which a GET changes something, as the dialect of a ring has them (http/api/ring/dialect-paths.ts). */
const changedByGet = /^\/(?:add_node|remove_node|clear_cache)(?:\/|$)/

/**
 * Makes the guard against cross-origin requests: CSRF, and DNS rebinding, where a page's own name resolves to this
 * service so that the browser takes the service for the page's. The guard returns the error for a request that a page
 * of another origin may have sent, and undefined for all others.
 *
 * Sec-Fetch-Site is believed over Origin, which may name a proxy that Host does not name. Following a link is allowed:
 * no page sees the reply. It is not where a GET changes something. A browser sends a GET without Sec-Fetch-Site where
 * it does not trust the connection (http:// beyond the loopback), and without Origin: there Referer has to name the
 * service.
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

  return (request) => {
    const { headers, method } = request
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
    const isChange = method === 'GET' && changedByGet.test(request.path)
    if (site === undefined) {
      const isForeign = origin === undefined ? isChange && mayBeOfPage(request, host) : !isAt(origin, host)
      return isForeign ? new KvsError('cross_origin') : undefined
    }
    if (site === 'same-origin' || site === 'none') return undefined
    const isLink = mode === 'navigate' && (method === 'GET' || method === 'HEAD') && !isChange
    return isLink ? undefined : new KvsError('cross_origin')
  }
}

/** Whether a page of another origin may have sent this GET, which has neither Sec-Fetch-Site nor Origin. */
function mayBeOfPage(request: Request, host: string | undefined): boolean {
  const referer = headerOf(request, 'referer')
  if (referer !== undefined) return !isAt(URL.parse(referer)?.origin ?? '', host)
  // A page can leave Referer out. What every browser begins its name with, and most other clients do not, stays.
  return /^Mozilla\//i.test(headerOf(request, 'user-agent') ?? '')
}

function isAt(origin: string, host = ''): boolean {
  return origin.replace(/^https?:\/\//i, '').toLowerCase() === host.toLowerCase()
}
