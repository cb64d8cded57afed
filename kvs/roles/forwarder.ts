import { flushCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ForwardingOptions, makeForwarding } from '../forward/index.ts'
import { makeHttpServer } from '../http/index.ts'
import { countdown, finish, listen, replaceTls, watchDescriptors } from '../http/wire/index.ts'
import { type Tls, watchTls } from '../tls/index.ts'

export interface ForwarderOptions extends ForwardingOptions {
  readonly host: string
  readonly tls: Tls | undefined
  readonly ports: readonly number[]
  readonly drainDelayMs: number
  readonly shutdownTimeoutMs: number
  /** Settles when the process is told to stop, with what told it. */
  readonly told: Promise<string>
  /** What is read anew when somebody asks for it; this adds to it. */
  readonly reloads: (() => void)[]
}

/** Forwards until told to stop. Holds nothing, so that it is there as soon as it listens. */
export async function runForwarder(options: ForwarderOptions): Promise<void> {
  const { logger, told } = options
  const forwarding = makeForwarding(options)
  const server = makeHttpServer(options, forwarding.answer)
  logger.info(`forwarding every request to ${forwarding.target.url}`)
  const listening = await listen(server, options, logger)
  watchDescriptors(server, { ...options, forwardingAddress: options.address }, logger)
  options.reloads.push(
    ...watchTls(options.tls, (texts) => replaceTls(server, texts), logger),
    ...forwarding.target.reloads,
  )
  flushCompileCache()

  logger.info(`${await told}: finishing what is under way`)
  forwarding.announceStop()
  if (options.drainDelayMs > 0) await sleep(options.drainDelayMs)
  await finish(listening, forwarding.stop, countdown(options.shutdownTimeoutMs))
  logger.info('stopped')
}
