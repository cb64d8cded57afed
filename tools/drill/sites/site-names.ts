/** Sites in the order in which they start. */
export const siteNames = ['a', 'b', 'c', 'd'] as const
export type SiteName = (typeof siteNames)[number]
export type SiteNodeName = SiteName | `${SiteName}-2`
export type SiteService = SiteNodeName | `postgres-${SiteName}`

/** A node of a site. */
export interface SiteNode {
  readonly name: SiteNodeName
  readonly site: SiteName
  /** Where clients reach it. */
  readonly url: string
  /** Where other sites reach it, as KVS_PEERS and /view have it. */
  readonly address: string
}

/** What a drill wants to have. */
export interface SitesShape {
  /** Number of sites that run from the start. */
  readonly sites: 2 | 3
  /** Nodes on each site's log. */
  readonly nodes: 1 | 2
  /** Gives each Postgres a wall clock that can be moved. */
  readonly clocks?: boolean
  /** Set if there is a site d as well, which the drill starts itself. */
  readonly joining?: boolean
  /** Settings of each node. */
  readonly env?: Readonly<Record<string, string>>
}

export const postgresOf = (site: SiteName): SiteService => `postgres-${site}`

/** Last number of a node's address in the network between the sites, as in compose/replicas.yml. */
export function hostOf(site: SiteName, second: boolean): number {
  return (second ? 21 : 11) + siteNames.indexOf(site)
}
