import { flushCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/index.ts'
import { makeForwarding } from '../forward/index.ts'
import { makeHttpTally } from '../http/exchange/index.ts'
import { makeHttpServer } from '../http/index.ts'
import { countdown, finish, listen, replaceTls, watchDescriptors } from '../http/wire/index.ts'
import { startTlsReload } from '../tls/index.ts'
import type { ServiceProcess } from './service-process.ts'

/**
 * Forwards every request to `address` until the process is told to stop. It stores nothing, so it is ready as soon as
 * it listens.
 */
export async function runForwarder(config: Config, address: string, service: ServiceProcess): Promise<void> {
  const { logger, stopRequested, reloads } = service
  const options = { ...config, ...service, address, tally: makeHttpTally() }
  const forwarding = makeForwarding(options)
  const server = makeHttpServer(options, forwarding.answer)
  logger.info(`forwarding every request to ${forwarding.target.url}`)
  const listening = await listen(server, config, logger)
  watchDescriptors(server, config, logger)
  reloads.push(
    ...startTlsReload(config.tls, (texts) => replaceTls(server, texts), logger),
    ...forwarding.target.reloads,
  )
  flushCompileCache()

  logger.info(`${await stopRequested}: finishing what is under way`)
  forwarding.announceStop()
  if (config.drainDelayMs > 0) await sleep(config.drainDelayMs)
  await finish(listening, forwarding.stop, countdown(config.shutdownTimeoutMs))
  logger.info('stopped')
}
