import { execInNetwork } from '../stack/exec-in-network.ts'
import type { SiteName, SiteNode, SiteNodeName } from './site-names.ts'

/**
 * How a way is cut. `packets`: all of them vanish, both ways; `packets one way`: those from the first to the second;
 * `connections one way`: the first can't open a connection to the second, which can open one to the first.
 */
export type CutKind = 'packets' | 'packets one way' | 'connections one way'

/** The ways between nodes of different sites, and from a node to its Postgres. */
export interface SitesLinks {
  /** Cuts the ways from all nodes of some sites to all of others. Returns what takes that back. */
  cut(from: readonly SiteName[], to: readonly SiteName[], kind: CutKind): Promise<() => Promise<void>>
  /** Cuts the way between two nodes. */
  cutNodes(from: SiteNodeName, to: SiteNodeName, kind: CutKind): Promise<() => Promise<void>>
  /** Cuts a node off from its Postgres: connections are reset, or packets vanish. */
  cutPostgres(node: SiteNodeName, way: 'reset' | 'drop'): Promise<() => Promise<void>>
  /** Puts on again what is to be there, in containers that were started anew. */
  renew(nodes: readonly SiteNodeName[]): Promise<void>
  heal(): Promise<void>
}

type Rule = readonly string[]

const drop = ['--jump', 'DROP']
const refuse = ['--jump', 'REJECT', '--reject-with', 'tcp-reset']

export function makeSitesLinks(nodes: readonly SiteNode[], container: (service: string) => string): SitesLinks {
  /** The rules of each cut that is on, by node. */
  const cuts = new Set<ReadonlyMap<SiteNodeName, readonly Rule[]>>()

  /** Has a node's rules be those of all cuts: a cut that ends leaves the others on. */
  async function renew(node: SiteNodeName): Promise<void> {
    const rules = [...cuts].flatMap((cut) => cut.get(node) ?? [])
    const commands = [['--flush'], ...rules.map((rule) => ['--append', ...rule])]
    const script = commands.map((command) => `iptables --wait ${command.join(' ')}`).join(' && ')
    await execInNetwork(container(node), ['sh', '-c', script])
  }

  async function put(cut: ReadonlyMap<SiteNodeName, readonly Rule[]>): Promise<() => Promise<void>> {
    const renewAll = async () => void (await Promise.all([...cut.keys()].map(renew)))
    cuts.add(cut)
    await renewAll()
    return async () => {
      if (cuts.delete(cut)) await renewAll()
    }
  }

  function between(from: readonly SiteNode[], to: readonly SiteNode[], kind: CutKind) {
    const cut = new Map<SiteNodeName, Rule[]>()
    const add = (node: SiteNode, ...rules: Rule[]) => cut.set(node.name, [...(cut.get(node.name) ?? []), ...rules])
    for (const one of from) {
      for (const other of to) {
        if (kind === 'connections one way') {
          add(one, ['OUTPUT', '--destination', hostIn(other), '-p', 'tcp', '--dport', '8080', ...refuse])
          continue
        }
        add(one, ['OUTPUT', '--destination', hostIn(other), ...drop])
        add(other, ['INPUT', '--source', hostIn(one), ...drop])
        if (kind !== 'packets') continue
        add(one, ['INPUT', '--source', hostIn(other), ...drop])
        add(other, ['OUTPUT', '--destination', hostIn(one), ...drop])
      }
    }
    return cut
  }

  const ofSites = (sites: readonly SiteName[]) => nodes.filter(({ site }) => sites.includes(site))
  const named = (name: SiteNodeName) => nodes.filter((node) => node.name === name)

  return {
    cut: (from, to, kind) => put(between(ofSites(from), ofSites(to), kind)),
    cutNodes: (from, to, kind) => put(between(named(from), named(to), kind)),
    cutPostgres(node, way) {
      const out = ['OUTPUT', '-p', 'tcp', '--dport', '5432', ...(way === 'reset' ? refuse : drop)]
      return put(new Map([[node, [out, ['INPUT', '-p', 'tcp', '--sport', '5432', ...drop]]]]))
    },
    renew: async (names) => void (await Promise.all(names.map(renew))),
    async heal() {
      const touched = new Set([...cuts].flatMap((cut) => [...cut.keys()]))
      cuts.clear()
      await Promise.all([...touched].map(renew))
    },
  }
}

const hostIn = ({ address }: SiteNode) => address.slice(0, address.indexOf(':'))
