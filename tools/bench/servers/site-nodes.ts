import { freePort } from '../../lab/ports.ts'
import { type Kvs, startKvs } from './embedded-node.ts'
import type { ServiceOptions } from './service.ts'

/** A site of a group: a node with a Postgres of its own. It may be started again. */
export interface SiteNode {
  readonly port: number
  /** Starts it. Resolves when it is ready, which it is whether or not it reaches the others. */
  start(options?: Pick<ServiceOptions, 'node'>): Promise<Kvs>
}

/** Makes a group of a site in each directory, none of which is started. */
export async function makeSites(directories: readonly string[]): Promise<SiteNode[]> {
  const first = await freePort(directories.length)
  const addresses = directories.map((_, index) => `127.0.0.1:${first + index}`)
  return directories.map((directory, index) => {
    const port = first + index
    const env = { KVS_PEERS: addresses.join(','), KVS_ADDRESS: addresses[index] ?? '' }
    return { port, start: (options) => startKvs({ directory, port, env, ...options }) }
  })
}
