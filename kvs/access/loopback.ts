import { BlockList, isIP } from 'node:net'

const addresses = new BlockList()
addresses.addSubnet('127.0.0.0', 8)
addresses.addAddress('::1', 'ipv6')

/** Whether only this machine can reach a server on the host. Names except localhost count as reachable from outside. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  return family === 0 ? host.toLowerCase() === 'localhost' : addresses.check(host, family === 6 ? 'ipv6' : 'ipv4')
}
