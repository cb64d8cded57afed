import { once } from 'node:events'
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import { createServer, type Server as NetServer } from 'node:net'
import type { Logger } from '../../lib/logging.ts'

export interface ListenOptions {
  readonly host: string
  /** At least one; 0 takes any free one. */
  readonly ports: readonly number[]
}

/** A server and what it takes connections from besides its own port. */
export interface Listening {
  readonly server: Server
  /** One for each further port. They hand their connections to the server, whose limits hold for all together. */
  readonly listeners: readonly NetServer[]
}

/** Listens on all ports. Rejects with a sentence for the operator where it cannot have one of them. */
export async function listen(server: Server, options: ListenOptions, logger: Logger): Promise<Listening> {
  const [first = 0, ...further] = options.ports
  await bind(server, first, options)
  // The options with which Node's own HTTP and HTTPS servers take their connections.
  const accept = { allowHalfOpen: !(server instanceof TlsServer), noDelay: true }
  const listeners = further.map(() => createServer(accept, (socket) => void server.emit('connection', socket)))
  for (const [index, port] of further.entries()) await bind(listeners[index] ?? server, port, options)
  const scheme = server instanceof TlsServer ? 'https' : 'http'
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  for (const listener of [server, ...listeners]) {
    const address = listener.address()
    if (typeof address === 'object') logger.info(`listening on ${scheme}://${host}:${address?.port}`)
  }
  return { server, listeners }
}

async function bind(listener: NetServer, port: number, { host, ports }: ListenOptions): Promise<void> {
  listener.listen(port, host)
  await once(listener, 'listening').catch((error) => {
    throw new Error(explain(error, port, { host, ports }), { cause: error })
  })
}

function explain({ code, message }: NodeJS.ErrnoException, port: number, { host, ports }: ListenOptions): string {
  switch (code) {
    case 'EADDRINUSE': {
      const change = ports.length === 1 ? 'set PORT to another one' : `set PORT (${ports}) to ports that are free`
      return `port ${port} is in use on ${host}: ${change}`
    }
    case 'EACCES':
      return (
        `port ${port} may not be taken by this user (ports below 1024 are root’s as a rule): ` +
        'set PORT to one from 1024 on, or give the program cap_net_bind_service'
      )
    case 'EADDRNOTAVAIL':
    case 'EINVAL':
      return (
        `${host} is no address of this machine: ` +
        'set KVS_HOST to one that is, 127.0.0.1 for this machine alone, or 0.0.0.0 for all'
      )
    case 'EAFNOSUPPORT':
      return `this machine has no IPv6, which ${host} is of: set KVS_HOST to an IPv4 address`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name ${host} is not known: set KVS_HOST to an address of this machine, such as 127.0.0.1`
    default:
      return `port ${port} can’t be opened on ${host}: ${message}`
  }
}
