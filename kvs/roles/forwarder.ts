import { flushCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/index.ts'
import { makeForwarder } from '../forward/index.ts'
import { makeHttpTally } from '../http/exchange/index.ts'
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
import { watchTls } from '../tls/index.ts'
import type { RoleProcess } from './process.ts'

/** Forwards every request to `address` until it is told to stop. Holds nothing, so that it is ready as soon as it listens. */
export async function runForwarder(config: Config, address: string, running: RoleProcess): Promise<void> {
  const { logger, told, reloads } = running
  const options = { ...config, ...running, address, tally: makeHttpTally(), clock, random }
  const forwarder = makeForwarder(options)
  const server = makeHttpServer(options, forwarder.serve)
  logger.info(`forwarding every request to ${forwarder.target.url}`)
  const listening = await listen(server, config, logger)
  monitorDescriptors(server, config, logger, clock)
  reloads.push(...watchTls(config.tls, (texts) => replaceTls(server, texts), logger), ...forwarder.target.reloads)
  flushCompileCache()

  logger.info(`${await told}: finishing what is under way`)
  forwarder.announceStop()
  if (config.drainDelayMs > 0) await sleep(config.drainDelayMs)
  await shutDownGracefully(listening, forwarder.stop, countdown(config.shutdownTimeoutMs, clock), clock)
  logger.info('stopped')
}
