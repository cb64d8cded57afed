import { flushCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/index.ts'
import { makeForwarder } from '../forward/index.ts'
import { maxTransactionBody } from '../http/api/index.ts'
import { makeBodyReceiver, makeHttpTally } from '../http/exchange/index.ts'
import {
  countdown,
  listen,
  makeHttpServer,
  monitorDescriptors,
  replaceTls,
  shutDownGracefully,
} from '../http/wire/index.ts'
import { systemClock as clock } from '../lib/clock.ts'
import { systemRandom as random } from '../lib/random.ts'
import { makeMemoryBudget } from '../memory/index.ts'
import { startTlsReload } from '../tls/index.ts'
import type { ServiceProcess } from './service-process.ts'

/**
 * Forwards every request to `address` until the process is told to stop. It stores nothing, so it is ready as soon as
 * it listens.
 */
export async function runForwarder(config: Config, address: string, service: ServiceProcess): Promise<void> {
  const { logger, stopRequested, reloads } = service
  const limits = { maxBytes: maxTransactionBody, budget: makeMemoryBudget(config.maxWaitingBytes) }
  const receiveTransaction = makeBodyReceiver({ ...limits, what: 'transaction' })
  const options = { ...config, ...service, address, tally: makeHttpTally(), receiveTransaction, clock, random }
  const forwarder = makeForwarder(options)
  const server = makeHttpServer(options, forwarder.serve)
  logger.info(`forwarding every request to ${forwarder.target.url}`)
  const listening = await listen(server, config, logger)
  monitorDescriptors(server, config, logger, clock)
  reloads.push(...startTlsReload(config.tls, (texts) => replaceTls(server, texts), logger), ...forwarder.target.reloads)
  flushCompileCache()

  logger.info(`${await stopRequested}: finishing what is under way`)
  forwarder.announceStop()
  if (config.drainDelayMs > 0) await sleep(config.drainDelayMs)
  await shutDownGracefully(listening, forwarder.stop, countdown(config.shutdownTimeoutMs, clock), clock)
  logger.info('stopped')
}
