import { join } from 'node:path'
import { type Config, forPurpose, type PostgresTarget } from '../config/index.ts'
import type { SpooledWrite } from '../core/entry.ts'
import { type HttpTally, makeHttpTally } from '../http/exchange/index.ts'
import { ringStatusOf } from '../kv/index.ts'
import { type EmbeddedPostgres, makeEmbeddedPostgres } from '../log/embedded/index.ts'
import { type AppendTally, type Log, makeAppendTally } from '../log/index.ts'
import { makeCheckpointer, makePostgresLog, type PostgresLogOptions, readMigrations } from '../log/postgres/index.ts'
import { type MemoryBudget, makeCollector, makeMemoryBudget, minGarbageBytes } from '../memory/index.ts'
import { httpMetrics, makeMetricsReader, nodeMetrics, ringMetrics, siteMetrics } from '../metrics/index.ts'
import { makeReplica, type Replica } from '../replica/index.ts'
import type { Sites } from '../sites/index.ts'
import { makeSlotFiles, makeTakeover, type Slot } from '../slots/index.ts'
import { makeNodeRing, type NodeRing } from './node-ring.ts'
import { makeAdvances, makeNodeSites } from './node-sites.ts'
import type { ServiceProcess } from './service-process.ts'

/** Parts that a tool or a test puts in the place of a node's own. */
export interface NodeReplacements {
  /**
   * Makes the log. Without it the log is in Postgres; with it the node writes no checkpoints and takes over no spools.
   */
  readonly makeLog?: (options: PostgresLogOptions) => Log
  /** Returns the store that the HTTP server asks instead of the node's. */
  readonly wrapStore?: (store: Replica) => Replica
}

export interface NodeParts {
  /** The node's own Postgres; undefined when the log is in another one. */
  readonly embedded: EmbeddedPostgres | undefined
  readonly store: Replica
  /** Undefined where the log is no site. */
  readonly sites: Sites | undefined
  /** Undefined where the node can be in no ring. */
  readonly ring: NodeRing | undefined
  readonly budget: MemoryBudget
  readonly tally: HttpTally
  readonly readMetrics: ReturnType<typeof makeMetricsReader>
}

type AssemblyContext = Pick<ServiceProcess, 'logger' | 'version' | 'stopRequested'>

/** Wires log, spool and view into a store, with its metrics and its memory budget. Starts nothing. */
export function assembleNode(
  config: Config,
  context: AssemblyContext,
  slot: Slot,
  { makeLog, wrapStore = (store) => store }: NodeReplacements = {},
): NodeParts {
  const { logger, stopRequested } = context
  const stopping = new AbortController()
  void stopRequested.then(() => stopping.abort())
  const { target, embedded } = locatePostgres(config, context, slot)
  let { logId } = slot
  const logOptions = postgresOptions(config, target, () => logId)
  const appends = makeAppendTally()
  const log = (makeLog ?? makePostgresLog)({
    ...logOptions,
    tally: appends,
    writerId: slot.writerId,
    ...(embedded && { beforeConnecting: embedded.ensureRunning }),
    info: (message) => logger.info(message),
    warn: (message) => logger.warn(message),
  })
  const checkpointer = makeCheckpointer({
    ...{ target, logId: () => logId, position: () => store.position() },
    ...{ timeoutMs: config.postgresTimeoutMs, warn: (message) => logger.warn(message) },
    tombstones: config.sites !== undefined,
  })
  const takeover = makeSlotTakeover(config, context, slot, { logOptions, store: () => store, ring: () => ring })
  const budget = makeBudget(config)
  const advances = makeAdvances()
  const sites =
    config.sites &&
    makeNodeSites(config, config.sites, context, {
      target,
      logId: () => logId,
      store: () => store,
      advances,
      stopping: stopping.signal,
    })
  const ring =
    config.ring &&
    makeNodeRing(config, config.ring, context, {
      target,
      logId: () => logId,
      store: () => store,
      stopping: stopping.signal,
    })
  const store = makeReplica({
    ...storeOptions(config, context, slot),
    log,
    onAdvance: advances.tell,
    ...(sites && hooksOf(sites, context)),
    ...(ring && ringHooksOf(ring, slot)),
    onDrained: budget.collectGarbage,
    onReplayed(replayed) {
      logId = replayed
      slot.rememberLog(replayed)
      if (makeLog) return
      void checkpointer.run(stopping.signal)
      void takeover?.run(replayed, stopping.signal)
      void sites?.run(stopping.signal)
      void ring?.member.run()
    },
  })
  const { version } = context
  const metrics = makeMetrics({ version, store, sites, ring, appends, budget, checkpointer })
  return { embedded, store: wrapStore(store), sites, ring, budget, ...metrics }
}

/** How the store and what the node does for its site know of each other. */
function hooksOf(sites: Sites, { logger }: AssemblyContext) {
  return {
    sitesStatus: () => sites.status,
    isRemoved: () => sites.isRemoved,
    onMembership: () =>
      void sites.refreshMembers().catch((error) => logger.warn(`cannot read the members: ${error.message}`)),
  }
}

/** The same for its ring. */
function ringHooksOf({ member, passOn }: NodeRing, { writerId }: Slot) {
  return {
    ...{ ring: member, ringStatus: () => ringStatusOf(member) },
    passOn: (spooled: SpooledWrite) => passOn(writerId, spooled),
  }
}

type SharedLogOptions = Pick<
  PostgresLogOptions,
  'target' | 'knownLogId' | 'migrations' | 'timeoutMs' | 'appendTimeoutMs'
>

/** Options that the node's own log and the logs of its takeovers share. */
function postgresOptions(
  { postgresTimeoutMs: timeoutMs, appendTimeoutMs }: Config,
  target: PostgresTarget,
  knownLogId: () => string | undefined,
): SharedLogOptions {
  const migrations = readMigrations(new URL('../../migrations/', import.meta.url))
  return { target, knownLogId, migrations, timeoutMs, appendTimeoutMs }
}

function makeBudget({ maxWaitingBytes }: Config): MemoryBudget {
  return makeMemoryBudget(maxWaitingBytes, makeCollector(Math.max(maxWaitingBytes / 16, minGarbageBytes)))
}

/** Options of the store that come from settings and from the slot alone. */
function storeOptions(config: Config, { logger }: AssemblyContext, slot: Slot) {
  const spooling = spoolingState(config, slot)
  if (slot.number !== undefined && slot.number > 1) logger.info(`slot ${slot.number}: ${slot.path}`)
  if (slot.obstacle) logger.warn(`${slot.obstacle}; without it, writes are refused while the log is down`)
  return {
    spool: slot.spool,
    spooling,
    limits: {
      maxWrites: config.maxWaitingWrites,
      maxBytes: config.maxWaitingBytes,
      timeoutMs: config.appendTimeoutMs,
      // Covers giving up on the answer to an append, and spooling its batch.
      graceMs: spooling.on ? 2 * config.appendTimeoutMs : 0,
    },
    connectTimeoutMs: config.connectTimeoutMs,
    tailIntervalMs: config.tailIntervalMs,
    waitTimeoutMs: config.waitTimeoutMs,
    maxLagMs: config.maxLagMs,
    site: config.sites !== undefined,
    logger,
  }
}

/** Whether writes are spooled while the log is down. A node without a disk for the spool refuses them, and says so. */
function spoolingState({ whenLogIsDown, spoolMaxBytes: maxBytes }: Config, { obstacle }: Slot) {
  const reason = whenLogIsDown === 'refuse' ? 'KVS_WHEN_LOG_IS_DOWN=refuse' : (obstacle ?? null)
  return { on: reason === null, reason, maxBytes }
}

function locatePostgres(
  { postgres }: Config,
  { logger }: AssemblyContext,
  { path }: Slot,
): { target: PostgresTarget; embedded?: EmbeddedPostgres } {
  if (postgres !== 'embedded') return { target: postgres }
  const embedded = makeEmbeddedPostgres({ directory: join(path, 'postgres'), log: logger })
  return { embedded, target: { ...embedded.connection, applicationName: 'kvs', tls: { mode: 'disable' } } }
}

interface TakeoverParts {
  readonly logOptions: SharedLogOptions
  readonly store: () => Replica
  /** Undefined where the node can be in no ring. */
  readonly ring: () => NodeRing | undefined
}

/** Undefined when no spool can be orphaned: the log is embedded, or the node has no slot. */
function makeSlotTakeover(config: Config, { logger }: AssemblyContext, slot: Slot, parts: TakeoverParts) {
  if (config.postgres === 'embedded' || slot.number === undefined) return undefined
  const { logOptions, store, ring } = parts
  return makeTakeover({
    slots: makeSlotFiles(config.dataDir),
    ownSlot: slot.number,
    logOf: (writerId) =>
      makePostgresLog({
        ...logOptions,
        target: forPurpose(logOptions.target, 'takeover'),
        ...{ writerId, mustBeKnown: true },
        info: () => undefined,
        warn: () => undefined,
      }),
    passOn: config.ring && ((writerId, spooled) => (ring() as NodeRing).passOn(writerId, spooled)),
    isServing: () => store().status().state === 'serving',
    logger,
  })
}

interface MetricsParts {
  readonly version: string
  readonly store: Replica
  readonly sites: Sites | undefined
  readonly ring: NodeRing | undefined
  readonly appends: AppendTally
  readonly budget: MemoryBudget
  readonly checkpointer: ReturnType<typeof makeCheckpointer>
}

function makeMetrics({ version, store, sites, ring, appends, budget, checkpointer }: MetricsParts) {
  const tally = makeHttpTally()
  const readMetrics = makeMetricsReader([
    ...nodeMetrics({
      ...{ version, store, appends, budget },
      logSize: () => checkpointer.logSize,
      oldestSnapshot: () => checkpointer.oldestSnapshot,
    }),
    ...(sites ? siteMetrics({ store, sites }) : []),
    ...(ring ? ringMetrics({ ring: ring.member, routing: ring.routing }) : []),
    ...httpMetrics(tally),
  ])
  return { tally, readMetrics }
}
