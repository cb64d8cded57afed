import type { OpenFeed, PeerClient } from '../../../kvs/sites/index.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Node } from '../node.ts'
import type { PathFault, SitePlan } from '../schedule.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { type FeedConnection, makeFeedConnection } from './feed-connection.ts'
import { makePaths } from './paths.ts'
import { type Ends, makeSiteRequests } from './site-requests.ts'

/** The network between sites, which carries feeds and short requests. */
export interface SiteNetwork {
  /** What nodes of a site are configured with: the nodes of other sites that are there from the first. */
  peersOf(site: number): readonly string[]
  /** As a process of a site asks the node at an address. Throws where there is none. */
  clientOf(site: number, process: Lane, address: string): PeerClient
  /** The system resets the connections that a process had opened which is gone. */
  leave(process: Lane): void
  /** Returns what takes the fault back. */
  putOn(fault: PathFault): () => void
}

export interface SiteNetworkOptions {
  /** Nodes of each site. They are there when the first process starts. */
  readonly nodesOf: (site: number) => readonly Node[]
  readonly sites: readonly SitePlan[]
  /** What is under way goes on, whoever is killed. */
  readonly lane: Lane
  readonly random: SeededRandom
  /** Mean time of a way between two sites, in milliseconds. */
  readonly meanMs: number
  readonly trace: Trace
}

export function makeSiteNetwork(options: SiteNetworkOptions): SiteNetwork {
  const { nodesOf, sites, lane, random, trace } = options
  const paths = makePaths(options)
  const connections = new Map<FeedConnection, Ends>()

  function openFeedOf(node: Node, ends: Omit<Ends, 'node'>): OpenFeed {
    return (query, signal) => {
      const all = { ...ends, node }
      const connection = makeFeedConnection({
        ...{ ends: all, query, signal, paths, lane, random, trace },
        onOver: () => connections.delete(connection),
      })
      connections.set(connection, all)
      return connection.opened
    }
  }

  function between({ from, to }: PathFault): FeedConnection[] {
    return [...connections]
      .filter(([, { client, server }]) => [`${from} ${to}`, `${to} ${from}`].includes(`${client} ${server}`))
      .map(([connection]) => connection)
  }

  return {
    peersOf(client) {
      const others = [...sites.keys()].filter((site) => site !== client && !sites[site]?.isLate)
      return others.flatMap((site) => nodesOf(site).map(({ name }) => name))
    },
    clientOf(client, process, address) {
      for (const server of sites.keys()) {
        const node = nodesOf(server).find(({ name }) => name === address)
        if (node === undefined) continue
        const ends = { client, server, process }
        return { open: openFeedOf(node, ends), ...makeSiteRequests(paths, { ...ends, node }) }
      }
      throw new Error(`there is no node at ${address}`)
    },
    leave(process) {
      for (const [connection, ends] of connections) if (ends.process === process) connection.leave()
    },
    putOn(fault) {
      const { from, to } = fault
      const both = (act: (from: number, to: number) => () => void) => {
        const ends = [act(from, to), act(to, from)]
        return () => {
          for (const end of ends) end()
        }
      }
      switch (fault.kind) {
        case 'partition':
          // Something on the way may know of it, and say so.
          if (random.chance(0.3)) for (const connection of between(fault)) connection.reset()
          return both(paths.cut)
        case 'one way':
          return paths.cut(from, to)
        case 'slow path':
          return both(paths.slow)
        case 'repeated requests':
          throw new Error('requests are repeated between members of a ring, not between sites')
        case 'stalled streams': {
          const ends = between(fault).map((connection) => connection.stall())
          return () => {
            for (const end of ends) end()
          }
        }
        case 'broken streams':
          for (const connection of between(fault)) connection.reset()
          return () => undefined
      }
    },
  }
}
