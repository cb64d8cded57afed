import type { Logger } from '../../../kvs/lib/logging.ts'
import { type MemoryServer, makeMemorySiteLog, type PageLimits } from '../../../kvs/log/memory/index.ts'
import type { Replica, ReplicaOptions } from '../../../kvs/replica/index.ts'
import { makeAdvances, ownSite } from '../../../kvs/roles/node-sites.ts'
import { makeSites, type Sites } from '../../../kvs/sites/index.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Link } from '../link.ts'
import type { Plants } from '../plants.ts'
import type { Lane } from '../scheduler.ts'
import { makeServiceRandom, type VirtualClock } from '../virtual-clock.ts'
import type { SiteNetwork } from './site-network.ts'

type SiteHooks = Pick<ReplicaOptions, 'site' | 'mostHeld' | 'sitesStatus' | 'onAdvance' | 'isRemoved' | 'onMembership'>

/** The site that a node belongs to. */
export interface NodeSite {
  /** The first one is 0. */
  readonly number: number
  readonly network: SiteNetwork
  /** As in a `Schedule`. */
  readonly copies: number | undefined
}

export interface NodeSiteOptions {
  readonly name: string
  readonly site: NodeSite
  readonly logServer: MemoryServer
  readonly link: Link
  readonly plants: Plants
}

/** What it takes of the process that it runs in. */
export interface ProcessParts {
  readonly lane: Lane
  readonly clock: VirtualClock
  readonly random: SeededRandom
  readonly timeouts: { readonly log: number; readonly append: number }
  readonly pageLimits: PageLimits
  readonly logger: Logger
  readonly process: { readonly store: Replica | undefined; readonly stopping: AbortController }
}

/** Often, so that deletes are forgotten while ways are cut, and entries come in late. */
const forgetEveryMs = 300
/** As `roles/node-sites.ts` has it. */
const stopMs = 1_000
/** So few that feeds read the log as well. */
const mostHeld = { entries: 10, bytes: 64 * 1024 }
/** No comparison may find that sites differ. */
const compareEveryMs = 700

/** As roles/node-sites.ts does it, over the simulated network between sites. */
export function makeNodeSite(
  { name, site, logServer, link, plants }: NodeSiteOptions,
  { lane, clock, random, timeouts, pageLimits, logger, process }: ProcessParts,
): { readonly sites: Sites; readonly replicaOptions: SiteHooks } {
  const advances = makeAdvances()
  const siteLog = makeMemorySiteLog({
    ...{ server: logServer, name: `${name} for sites`, network: link.networkFor(lane), clock, pageLimits },
    ...{ random: makeServiceRandom(random.fork('site log')), timeoutMs: timeouts.log },
  })
  const store = () => {
    if (process.store === undefined) throw new Error('the store is not there yet')
    return process.store
  }
  const own = ownSite(store, advances)
  const sites = makeSites({
    siteLog: plants.siteLog?.(siteLog) ?? siteLog,
    site: plants.site?.(own) ?? own,
    peers: site.network.peersOf(site.number),
    ownAddress: name,
    copies: site.copies === undefined ? undefined : { wanted: site.copies, timeoutMs: timeouts.append, stopMs },
    forgetEveryMs,
    compareEveryMs,
    connect(address) {
      const client = site.network.clientOf(site.number, lane, address)
      return plants.peer?.(client) ?? client
    },
    limits: { maxBatchEntries: 20_000, maxBatchBytes: 512 * 1024 * 1024, maxValueBytes: 128 * 1024 * 1024 },
    ...{ stopping: process.stopping.signal, logger, clock, random: makeServiceRandom(random.fork('sites')) },
  })
  return { sites, replicaOptions: { site: true, mostHeld, onAdvance: advances.tell, ...hooksOf(sites, logger) } }
}

/** As roles/node-assembly.ts has them. */
function hooksOf(sites: Sites, logger: Logger): SiteHooks {
  return {
    sitesStatus: () => sites.status,
    isRemoved: () => sites.isRemoved,
    onMembership: () =>
      void sites.refreshMembers().catch((error) => logger.warn(`cannot read the members: ${error.message}`)),
  }
}
