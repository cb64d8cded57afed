import { flushCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/index.ts'
import { makeServer } from '../http/index.ts'
import { countdown, listen, monitorDescriptors, replaceTls, shutDownGracefully } from '../http/wire/index.ts'
import { systemClock as clock } from '../lib/clock.ts'
import { systemRandom as random } from '../lib/random.ts'
import { makeSlotFiles, type Slot, takeSlot } from '../slots/index.ts'
import { startTlsReload } from '../tls/index.ts'
import { assembleNode, type NodeReplacements } from './node-assembly.ts'
import type { ServiceProcess } from './service-process.ts'

/** A node waits this long for its slot to close, in milliseconds: its spool may be on a disk that hangs. */
const slotCloseMs = 1_000

/**
 * Runs a node until the process is told to stop. It opens its parts from the inside out (slot, store, server) and
 * closes them in reverse order. Rejects when the node can't start or can't go on.
 * @param replacements parts that a tool replaces
 */
export async function runNode(
  config: Config,
  service: ServiceProcess,
  replacements: NodeReplacements = {},
): Promise<void> {
  const { logger, guard, crossOrigin, stopRequested, reloads } = service
  const slot = await openSlot(config, service)
  const { embedded, store, sites, ring, budget, readMetrics, tally } = assembleNode(config, service, slot, replacements)
  const { allowsClear } = config.access
  const shared = {
    store,
    site: sites,
    ring: ring?.member,
    routing: ring?.routing,
    budget,
    tally,
    readMetrics,
    logger,
    guard,
    crossOrigin,
    allowsClear,
    clock,
    random,
  }
  const server = makeServer({ ...config, ...shared })
  const listening = await listen(server, config, logger)
  monitorDescriptors(server, config, logger, clock)
  reloads.push(...startTlsReload(config.tls, (texts) => replaceTls(server, texts), logger))
  flushCompileCache() // a killed process would never write it

  const running = store.run()
  let timeLeft = () => config.shutdownTimeoutMs
  try {
    await Promise.race([stopRequested, running])
    logger.info(`${await stopRequested}: finishing what is under way`)
    store.announceStop()
    if (config.drainDelayMs > 0) await sleep(config.drainDelayMs)
    timeLeft = countdown(config.shutdownTimeoutMs, clock)
    await shutDownGracefully(listening, store.stop, timeLeft, clock)
    await ring?.routing.stop()
  } finally {
    await Promise.race([embedded?.stop(), sleep(timeLeft())])
    await Promise.race([slot.close(), sleep(slotCloseMs)])
  }
  await Promise.race([running, sleep(timeLeft())])
  logger.info('stopped')
}

function openSlot({ dataDir, postgres, spoolMaxBytes }: Config, { logger }: ServiceProcess): Promise<Slot> {
  return takeSlot({
    slots: makeSlotFiles(dataDir),
    isShared: postgres !== 'embedded',
    maxBytes: spoolMaxBytes,
    warn: (message) => logger.warn(message),
  })
}
