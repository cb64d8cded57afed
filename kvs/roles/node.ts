import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, forPurpose, type PostgresTarget } from '../config/index.ts'
import { makeHttpTally } from '../http/exchange/index.ts'
import { makeServer } from '../http/index.ts'
import { countdown, listen, monitorDescriptors, replaceTls, shutDownGracefully } from '../http/wire/index.ts'
import { systemClock } from '../lib/clock.ts'
import { systemRandom } from '../lib/random.ts'
import { type EmbeddedPostgres, makeEmbeddedPostgres } from '../log/embedded/index.ts'
import { type AppendTally, makeAppendTally } from '../log/index.ts'
import { makeCheckpointer, makePostgresLog, type PostgresLogOptions, readMigrations } from '../log/postgres/index.ts'
import { leastGarbage, type MemoryBudget, makeCollector, makeMemoryBudget } from '../memory/index.ts'
import { httpMetrics, makeMetricsReader, nodeMetrics } from '../metrics/index.ts'
import { makeStore, type Store } from '../replica/index.ts'
import { makeTakeover, type Slot, takeSlot } from '../slots/index.ts'
import { watchTls } from '../tls/index.ts'
import type { RoleProcess } from './process.ts'

/** Runs a node until it is told to stop: opens its parts from the inside out, and closes them in the reverse order. */
export async function runNode(config: Config, running: RoleProcess): Promise<void> {
  const { logger, guard, crossOrigin, told, reloads } = running
  const isShared = config.postgres !== 'embedded'
  const warn = (message: string) => logger.warn(message)
  const slot = await takeSlot({ directory: config.dataDir, isShared, maxBytes: config.spoolMaxBytes, warn })
  const { embedded, store, budget, readMetrics, tally } = assemble(config, running, slot)
  const server = makeServer({
    ...config,
    store,
    budget,
    tally,
    readMetrics,
    logger,
    guard,
    crossOrigin,
    clock: systemClock,
    random: systemRandom,
  })
  const listening = await listen(server, config, logger)
  monitorDescriptors(server, config, logger, systemClock)
  reloads.push(...watchTls(config.tls, (texts) => replaceTls(server, texts), logger))
  flushCompileCache() // a killed process would never write it

  const life = store.run()
  let left = () => config.shutdownTimeoutMs
  try {
    await Promise.race([told, life])
    logger.info(`${await told}: finishing what is under way`)
    store.announceStop()
    if (config.drainDelayMs > 0) await sleep(config.drainDelayMs)
    left = countdown(config.shutdownTimeoutMs, systemClock)
    await shutDownGracefully(listening, store.stop, left, systemClock)
  } finally {
    await Promise.race([embedded?.stop(), sleep(left())])
    await Promise.race([slot.close(), sleep(1_000)])
  }
  await Promise.race([life, sleep(left())])
  logger.info('stopped')
}

/** Wires log, spool and view into a store, with what counts and bounds it. Starts nothing. */
function assemble(config: Config, running: RoleProcess, slot: Slot) {
  const { logger, told, version } = running
  const toldToStop = new AbortController()
  void told.then(() => toldToStop.abort())
  const { target, embedded } = locatePostgres(config, running, slot)
  let { logId } = slot
  const logOptions = {
    target,
    knownLogId: () => logId,
    migrations: readMigrations(new URL('../../migrations/', import.meta.url)),
    timeoutMs: config.postgresTimeoutMs,
    appendTimeoutMs: config.appendTimeoutMs,
  }
  const appends = makeAppendTally()
  const log = makePostgresLog({
    ...logOptions,
    tally: appends,
    writerId: slot.data.writerId,
    ...(embedded && { beforeConnecting: embedded.ensureRunning }),
    info: (message) => logger.info(message),
    warn: (message) => logger.warn(message),
  })
  const checkpointer = makeCheckpointer({
    ...{ target, logId: () => logId, position: () => store.position() },
    ...{ timeoutMs: config.postgresTimeoutMs, warn: (message) => logger.warn(message) },
  })
  const takeover = makeSlotTakeover(config, running, slot, { logOptions, store: () => store })
  const budget = makeMemoryBudget(
    config.maxWaitingBytes,
    makeCollector(Math.max(config.maxWaitingBytes / 16, leastGarbage)),
  )
  const store = makeStore({
    ...storeOptions(config, running, slot),
    log,
    onDrained: budget.look,
    onReplayed(replayed) {
      logId = replayed
      slot.rememberLog(replayed)
      void checkpointer.run(toldToStop.signal)
      void takeover?.run(replayed, toldToStop.signal)
    },
  })
  return { embedded, store, budget, ...makeMetrics({ version, store, appends, budget, checkpointer }) }
}

/** Options of the store that come from settings and from the slot alone. */
function storeOptions(config: Config, { logger }: RoleProcess, slot: Slot) {
  const spooling = spoolingOf(config, slot)
  if (slot.number !== undefined && slot.number > 1) logger.info(`slot ${slot.number}: ${slot.data.path}`)
  if (slot.obstacle) logger.warn(`${slot.obstacle}; without it, writes are refused while the log is down`)
  return {
    spool: slot.spool,
    spooling,
    limits: {
      maxWrites: config.maxWaitingWrites,
      maxBytes: config.maxWaitingBytes,
      timeoutMs: config.appendTimeoutMs,
      // Time to give up on the answer to an append, and to spool its batch.
      graceMs: spooling.on ? 2 * config.appendTimeoutMs : 0,
    },
    connectTimeoutMs: config.connectTimeoutMs,
    tailIntervalMs: config.tailIntervalMs,
    waitTimeoutMs: config.waitTimeoutMs,
    maxLagMs: config.maxLagMs,
    logger,
  }
}

/** Whether writes are spooled while the log is down. A node without a disk for the spool refuses them, and says so. */
function spoolingOf({ whenLogIsDown, spoolMaxBytes: maxBytes }: Config, { obstacle }: Slot) {
  const reason = whenLogIsDown === 'refuse' ? 'KVS_WHEN_LOG_IS_DOWN=refuse' : (obstacle ?? null)
  return { on: reason === null, reason, maxBytes }
}

function locatePostgres(
  { postgres }: Config,
  { logger }: RoleProcess,
  { data }: Slot,
): { target: PostgresTarget; embedded?: EmbeddedPostgres } {
  if (postgres !== 'embedded') return { target: postgres }
  const embedded = makeEmbeddedPostgres({ directory: join(data.path, 'postgres'), log: logger })
  return { embedded, target: { ...embedded.connection, applicationName: 'kvs', tls: { mode: 'disable' } } }
}

interface TakeoverParts {
  readonly logOptions: Pick<PostgresLogOptions, 'target' | 'knownLogId' | 'migrations' | 'timeoutMs'>
  readonly store: () => Store
}

/** Undefined where no other node can leave a spool behind: the log is the node's own, or the node has no slot. */
function makeSlotTakeover(config: Config, { logger }: RoleProcess, slot: Slot, { logOptions, store }: TakeoverParts) {
  if (config.postgres === 'embedded' || slot.number === undefined) return undefined
  return makeTakeover({
    directory: config.dataDir,
    own: slot.number,
    logOf: (writerId) =>
      makePostgresLog({
        ...logOptions,
        target: forPurpose(logOptions.target, 'takeover'),
        ...{ writerId, mustBeKnown: true },
        info: () => undefined,
        warn: () => undefined,
      }),
    isServing: () => store().status().state === 'serving',
    logger,
  })
}

interface MetricsParts {
  readonly version: string
  readonly store: Store
  readonly appends: AppendTally
  readonly budget: MemoryBudget
  readonly checkpointer: ReturnType<typeof makeCheckpointer>
}

function makeMetrics({ version, store, appends, budget, checkpointer }: MetricsParts) {
  const tally = makeHttpTally()
  const readMetrics = makeMetricsReader([
    ...nodeMetrics({
      ...{ version, store, appends, budget },
      logSize: () => checkpointer.logSize,
      oldestSnapshot: () => checkpointer.oldestSnapshot,
    }),
    ...httpMetrics(tally),
  ])
  return { tally, readMetrics }
}
