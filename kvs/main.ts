import { closeSync, openSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import packageJson from '../package.json' with { type: 'json' }
import { isLoopback, makeGuard, namesOf, reloadTokens, type TokenGuard } from './access/index.ts'
import { accessSettings, type Config, forPurpose, type PostgresTarget } from './config/index.ts'
import { makeHttpTally, type PageBounds } from './http/exchange/index.ts'
import { makeServer } from './http/index.ts'
import { countdown, finish, listen, replaceTls, watchDescriptors } from './http/wire/index.ts'
import { type EmbeddedPostgres, makeEmbeddedPostgres } from './log/embedded/index.ts'
import { makeAppendTally } from './log/index.ts'
import { makeCheckpointer, makePostgresLog, readMigrations } from './log/postgres/index.ts'
import { makeLogger } from './logger/index.ts'
import { leastGarbage, makeCollector, makeMemoryBudget } from './memory/index.ts'
import { httpMetrics, makeMetricsReader, nodeMetrics } from './metrics/index.ts'
import { makeStore } from './replica/index.ts'
import { npmEnded } from './roles/npm-parent.ts'
import { readStart } from './roles/start.ts'
import { makeTakeover, type Slot, takeSlot } from './slots/index.ts'
import { watchTls } from './tls/index.ts'

const { version } = packageJson
const config = await readStart(version)
const logger = makeLogger({
  level: config.logLevel,
  format: config.logFormat,
  isTerminal: process.stdout.isTTY === true,
})
for (const warning of config.warnings) logger.warn(warning)

const told = Promise.race([signalled(), npmEnded(process.env)])
const guard = lock(config)
const pages = guard ? undefined : pageBoundsOf(config)
const reloads = tokenReload(config, guard)
onHangup(reloads)

try {
  await (config.forwardingAddress === undefined ? live(config) : forward(config, config.forwardingAddress))
} catch (error) {
  logger.fatal(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
process.exit()

/** Opens from the inside out, lives, and closes in the reverse order. */
async function live(config: Config): Promise<void> {
  const warn = (message: string) => logger.warn(message)
  const isShared = config.postgres !== 'embedded'
  const slot = await takeSlot({ directory: config.dataDir, isShared, maxBytes: config.spoolMaxBytes, warn })
  const { data, spool } = slot
  const spooling = describeSpooling(config, slot)
  const { target, embedded } = locatePostgres(config, slot)
  let { logId } = slot
  const logOptions = {
    target,
    knownLogId: () => logId,
    migrations: readMigrations(new URL('../migrations/', import.meta.url)),
    timeoutMs: config.postgresTimeoutMs,
    appendTimeoutMs: config.appendTimeoutMs,
  }
  const appends = makeAppendTally()
  const log = makePostgresLog({
    ...logOptions,
    tally: appends,
    writerId: data.writerId,
    ...(embedded && { beforeConnecting: embedded.ensureRunning }),
    info: (message) => logger.info(message),
    warn,
  })
  const checkpointer = makeCheckpointer({
    ...{ target, logId: () => logId, position: () => store.position() },
    ...{ timeoutMs: config.postgresTimeoutMs, warn },
  })
  const takeover =
    isShared && slot.number !== undefined
      ? makeTakeover({
          directory: config.dataDir,
          own: slot.number,
          logOf: (writerId) =>
            makePostgresLog({
              ...logOptions,
              target: forPurpose(target, 'takeover'),
              ...{ writerId, mustBeKnown: true },
              info: () => undefined,
              warn: () => undefined,
            }),
          isServing: () => store.status().state === 'serving',
          logger,
        })
      : undefined
  const toldToStop = new AbortController()
  void told.then(() => toldToStop.abort())
  const budget = makeMemoryBudget(
    config.maxWaitingBytes,
    makeCollector(Math.max(config.maxWaitingBytes / 16, leastGarbage)),
  )
  const store = makeStore({
    log,
    onDrained: budget.look,
    onReplayed(replayed) {
      logId = replayed
      slot.rememberLog(replayed)
      void checkpointer.run(toldToStop.signal)
      void takeover?.run(replayed, toldToStop.signal)
    },
    spool,
    spooling,
    limits: {
      maxWrites: config.maxWaitingWrites,
      maxBytes: config.maxWaitingBytes,
      timeoutMs: config.appendTimeoutMs,
      // Time for the answer to an append to be given up on, and for the batch to be spooled
      graceMs: spooling.on ? 2 * config.appendTimeoutMs : 0,
    },
    connectTimeoutMs: config.connectTimeoutMs,
    tailIntervalMs: config.tailIntervalMs,
    waitTimeoutMs: config.waitTimeoutMs,
    maxLagMs: config.maxLagMs,
    logger,
  })
  const tally = makeHttpTally()
  const readMetrics = makeMetricsReader([
    ...nodeMetrics({
      ...{ version, store, appends, budget },
      logSize: () => checkpointer.logSize,
      oldestSnapshot: () => checkpointer.oldestSnapshot,
    }),
    ...httpMetrics(tally),
  ])
  const server = makeServer({ ...config, store, budget, tally, readMetrics, logger, guard, pages })
  const listening = await listen(server, config, logger)
  watchDescriptors(server, config, logger)
  reloads.push(...watchTls(config.tls, (texts) => replaceTls(server, texts), logger))
  flushCompileCache() // a killed process does not come to it

  const life = store.run()
  let left = () => config.shutdownTimeoutMs
  try {
    await Promise.race([told, life])
    logger.info(`${await told}: finishing what is under way`)
    store.announceStop()
    if (config.drainDelayMs > 0) await sleep(config.drainDelayMs)
    left = countdown(config.shutdownTimeoutMs)
    await finish(listening, store.stop, left)
  } finally {
    await Promise.race([embedded?.stop(), sleep(left())])
    await Promise.race([slot.close(), sleep(1_000)])
  }
  await Promise.race([life, sleep(left())])
  logger.info('stopped')
}

/** Loaded only where something is to be forwarded: undici takes 0.1 s and 26 MB. */
async function forward(config: Config, address: string): Promise<void> {
  const { runForwarder } = await import('./roles/forwarder.ts')
  await runForwarder({ ...config, address, version, tally: makeHttpTally(), logger, told, guard, pages, reloads })
}

/** Who says that everybody may do everything has clients that call the service by other names, a proxy perhaps. */
function pageBoundsOf({ host, access: { allowsAnonymous } }: Config): PageBounds {
  return { hosts: isLoopback(host) && !allowsAnonymous ? 'loopback' : 'any' }
}

function lock({ access: { tokens, maxRequestRate }, host }: Config): TokenGuard | undefined {
  if (tokens !== undefined) logger.info(`tokens in force: ${namesOf(tokens)}`)
  else if (!isLoopback(host)) logger.warn('no tokens: whoever can connect may read and write every key')
  return tokens && makeGuard({ tokens, maxRequestRate })
}

/** Where there is no disk for a spool the node refuses, and says so. */
function describeSpooling({ whenLogIsDown, spoolMaxBytes: maxBytes }: Config, { number, data, obstacle }: Slot) {
  if (number !== undefined && number > 1) logger.info(`slot ${number}: ${data.path}`)
  if (obstacle) logger.warn(`${obstacle}; without it, writes are refused while the log is down`)
  const reason = whenLogIsDown === 'refuse' ? 'KVS_WHEN_LOG_IS_DOWN=refuse' : (obstacle ?? null)
  return { on: reason === null, reason, maxBytes }
}

function locatePostgres({ postgres }: Config, { data }: Slot): { target: PostgresTarget; embedded?: EmbeddedPostgres } {
  if (postgres !== 'embedded') return { target: postgres }
  const embedded = makeEmbeddedPostgres({ directory: join(data.path, 'postgres'), log: logger })
  return { embedded, target: { ...embedded.connection, applicationName: 'kvs', tls: { mode: 'disable' } } }
}

/**
 * Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. npm hands on a Ctrl-C that the
 * terminal has already sent to everybody, so that one arriving together with the first does not count.
 */
function signalled(): Promise<NodeJS.Signals> {
  let first: number | undefined
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (first !== undefined && performance.now() - first > 200) process.exit(1)
        first ??= performance.now()
        resolve(signal)
      })
    }
  })
}

/** What SIGHUP has read anew. It ends nothing, but where it says that the terminal that all this was started from is closed. */
function onHangup(reloads: readonly (() => void)[]): void {
  const hadTerminal = hasTerminal()
  process.on('SIGHUP', () => {
    if (hadTerminal && !hasTerminal()) process.kill(process.pid, 'SIGTERM')
    else if (reloads.length === 0) logger.info('SIGHUP: no setting names a file that could be read anew')
    else for (const reload of reloads) reload()
  })
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

function tokenReload({ access: { file: path } }: Config, guard: TokenGuard | undefined): (() => void)[] {
  if (guard === undefined || path === undefined) return []
  return [() => reloadTokens({ setting: accessSettings.tokensFile.name, path, guard, logger })]
}
