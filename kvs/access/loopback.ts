import { BlockList, isIP } from 'node:net'

const addresses = new BlockList()
addresses.addSubnet('127.0.0.0', 8)
addresses.addAddress('::1', 'ipv6')

/** Whether only this machine reaches what listens there. A name other than localhost counts as reached from outside. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  return family === 0 ? host.toLowerCase() === 'localhost' : addresses.check(host, family === 6 ? 'ipv6' : 'ipv4')
}
