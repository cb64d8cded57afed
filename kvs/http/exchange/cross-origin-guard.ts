import type { IncomingMessage } from 'node:http'
import { KvsError } from '../../core/errors.ts'

/** Where everybody may do everything, a web page in a browser of somebody who can connect is kept from it. */
export interface PageBounds {
  /** By which names the service may be called. */
  readonly hosts: 'loopback' | 'any'
}

/** What a page can't have resolve to an address of its choice (RFC 6761, 6.3). */
const ownHost = /^(?:(?:[\w-]+\.)*localhost\.?|\d+\.\d+\.\d+\.\d+|\[[\da-f:.]+\])(?::\d*)?$/i

/**
 * Why a request must not be looked at, since a page may have sent it: one whose own name leads here, which makes the browser
 * take the service for the page's (DNS rebinding), or one of another origin. Where a browser tells of the site, it is believed
 * rather than Origin, whose name a proxy may know and Host not have. Following a link is let pass: no page sees what comes of it.
 */
export function makePageRefusal({ hosts }: PageBounds): (request: IncomingMessage) => KvsError | undefined {
  /** Clients say the same one over and over. */
  let known = ''

  function isOwn(host: string): boolean {
    if (host === known) return true
    if (!ownHost.test(host)) return false
    known = host
    return true
  }

  return ({ rawHeaders, method }) => {
    let host: string | undefined
    let origin: string | undefined
    let site: string | undefined
    let mode: string | undefined
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] as string
      if (name.length !== 4 && name.length !== 6 && name.length !== 14) continue
      const lower = name.toLowerCase()
      if (lower === 'host') {
        if (host !== undefined) return undefined // which is refused where Host is looked at for itself
        host = rawHeaders[at + 1] as string
      } else if (lower === 'origin') origin = rawHeaders[at + 1]
      else if (lower === 'sec-fetch-site') site = rawHeaders[at + 1]
      else if (lower === 'sec-fetch-mode') mode = rawHeaders[at + 1]
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
