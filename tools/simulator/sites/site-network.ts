import type { OpenFeed } from '../../../kvs/sites/index.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Node } from '../node.ts'
import type { PathFault } from '../schedule.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { type Ends, type FeedConnection, makeFeedConnection } from './feed-connection.ts'
import { makePaths } from './paths.ts'

/** The network between sites, which carries feeds. */
export interface SiteNetwork {
  /** All nodes of other sites, as a process of this one follows them. */
  peersOf(site: number, process: Lane): { readonly address: string; readonly open: OpenFeed }[]
  /** The system resets the connections that a process had opened which is gone. */
  leave(process: Lane): void
  /** Returns what takes the fault back. */
  putOn(fault: PathFault): () => void
}

export interface SiteNetworkOptions {
  /** Nodes of each site. They are there when the first process starts. */
  readonly nodesOf: (site: number) => readonly Node[]
  readonly sites: number
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
    peersOf(client, process) {
      const others = Array.from({ length: sites }, (_, server) => server).filter((server) => server !== client)
      return others.flatMap((server) =>
        nodesOf(server).map((node) => ({
          address: node.name,
          open: openFeedOf(node, { client, server, process }),
        })),
      )
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
