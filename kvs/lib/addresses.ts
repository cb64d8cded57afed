import { isIPv6 } from 'node:net'

/** Whether a text is a server's `host:port` or `https://host:port`. An IPv6 address is in brackets. */
export function isAddress(text: string): boolean {
  const bare = text.replace(/^https:\/\//, '')
  const hostname = URL.parse(`http://${bare}`)?.hostname
  const [, host, port = ''] = /^(\[[^\]]*\]|[^:/?#@\\]+):(\d+)$/.exec(bare) ?? []
  // A URL accepts other texts as addresses too, such as 10.2 for 10.0.0.2.
  const isHost = hostname === host?.toLowerCase() || isIPv6(host?.slice(1, -1) ?? '')
  return host !== undefined && isHost && Number(port) >= 1 && Number(port) <= 65_535
}
