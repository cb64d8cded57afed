import type { Config, PostgresTarget } from '../config/index.ts'
import { makeTarget } from '../forward/index.ts'
import type { Logger } from '../lib/logging.ts'
import { makePostgresSiteLog } from '../log/postgres/index.ts'
import type { Replica } from '../replica/index.ts'
import { makeHttpPeer, makeSites, type OwnSite, type Sites, type SitesOptions } from '../sites/index.ts'
import type { ServiceProcess } from './service-process.ts'

/** Tells listeners that the view has applied more of the log. */
export interface Advances {
  tell(): void
  onAdvance: OwnSite['onAdvance']
}

export function makeAdvances(): Advances {
  const listeners = new Set<() => void>()
  return {
    tell() {
      for (const listener of listeners) listener()
    },
    onAdvance(listener) {
      // One of its own for each call, so that a listener that is given twice is called twice, and forgotten once.
      const own = () => listener()
      listeners.add(own)
      return () => void listeners.delete(own)
    },
  }
}

interface NodeSitesParts {
  readonly target: PostgresTarget
  readonly logId: () => string | undefined
  readonly store: () => Replica
  readonly advances: Advances
  readonly stopping: AbortSignal
}

/** Bounds on what another site sends as one batch: a site's own batches have 5,000 entries at most. */
const batchLimits = { maxBatchEntries: 20_000, maxBatchBytes: 512 * 1024 * 1024 }

/** Wires what a node does for its site. Starts nothing. */
export function makeNodeSites(
  config: Config,
  { peers, ownAddress, token, tls }: NonNullable<Config['sites']>,
  { logger }: Pick<ServiceProcess, 'logger'>,
  { target, logId, store, advances, stopping }: NodeSitesParts,
): Sites {
  const timeoutMs = config.postgresTimeoutMs
  const warn = (message: string) => logger.warn(message)
  return makeSites({
    siteLog: makePostgresSiteLog({ target, logId, timeoutMs, appendTimeoutMs: config.appendTimeoutMs, warn }),
    site: ownSite(store, advances),
    peers,
    ownAddress,
    connect: (address) => makeHttpPeer(makeTarget({ address, tls, timeoutMs, logger }), token),
    // Other sites may take larger values than this one; what one of them has acknowledged is taken over.
    limits: { ...batchLimits, maxValueBytes: 128 * 1024 * 1024 },
    copies: copiesSettings(config),
    compareEveryMs: config.digestIntervalMs,
    stopping,
    logger: logger as Logger,
  })
}

/** Once a node was told to stop, no write waits for more than this for other logs, in milliseconds. */
const mostStopMs = 1_000

/** Undefined where a write waits for no other log. */
function copiesSettings({ minCopies, appendTimeoutMs, shutdownTimeoutMs }: Config): SitesOptions['copies'] {
  if (minCopies === 1) return undefined
  return { wanted: minCopies, timeoutMs: appendTimeoutMs, stopMs: Math.min(mostStopMs, shutdownTimeoutMs / 2) }
}

/** What the streams between sites ask of a node, by its store. */
export function ownSite(store: () => Replica, { onAdvance }: Advances): OwnSite {
  return {
    requireReadable: () => store().followed.requireReadable(),
    logId: () => store().followed.logId(),
    waitFor: (position) => store().followed.waitFor(position),
    sequence: () => store().followed.sequence(),
    onAdvance,
    rankOf: (key) => store().followed.rankOf(key),
    seen: () => store().followed.seen(),
    lastOf: (logId) => store().followed.lastOf(logId),
    session: () => store().followed.session(),
    readApplied: () => store().followed.readApplied(),
    requestTail: () => store().followed.requestTail(),
    noteLanded: (batch) => store().followed.noteLanded(batch),
    puts: () => store().followed.puts(),
    inSlices: (work) => store().followed.inSlices(work),
    deletes: () => store().followed.deletes(),
    now: () => store().followed.now(),
  }
}
