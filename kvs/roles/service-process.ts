import type { Logger } from 'pino'
import packageJson from '../../package.json' with { type: 'json' }
import { isLoopback, makeTokenGuard, reloadTokens, type TokenGuard, tokenNames } from '../access/index.ts'
import { accessSettings, type Config } from '../config/index.ts'
import type { CrossOriginBounds } from '../http/exchange/index.ts'
import { makeLogger } from '../logger/index.ts'
import { waitForNpmExit } from './npm-exit.ts'
import { reloadOnHangup, shutdownSignal } from './signals.ts'

/** What a process has in every role. */
export interface ServiceProcess {
  /** Version of this program. */
  readonly version: string
  readonly logger: Logger
  /** Authenticates requests; undefined when tokens are off, so that everybody may do everything. */
  readonly guard: TokenGuard | undefined
  /** Bounds of the cross-origin guard; undefined when tokens do its work. */
  readonly crossOrigin: CrossOriginBounds | undefined
  /** Resolves when the process is told to stop, with the name of what told it, such as a signal. */
  readonly stopRequested: Promise<string>
  /** Functions that SIGHUP calls. A role adds its own. */
  readonly reloads: (() => void)[]
}

/** Prepares the process for a role: its logger, its token guard, and its signal handlers. */
export function prepareProcess(config: Config): ServiceProcess {
  const logger = makeLogger({
    level: config.logLevel,
    format: config.logFormat,
    isTerminal: process.stdout.isTTY === true,
  })
  for (const warning of config.warnings) logger.warn(warning)
  const stopRequested = Promise.race([shutdownSignal(), waitForNpmExit(process.env)])
  const guard = openGuard(config, logger)
  const crossOrigin = guard ? undefined : crossOriginBounds(config)
  const reloads = tokenReloads(config, guard, logger)
  reloadOnHangup(reloads, logger)
  return { version: packageJson.version, logger, guard, crossOrigin, stopRequested, reloads }
}

/** Clients of an operator who allows anonymous access may call the service by other names, such as a proxy's. */
function crossOriginBounds({ host, access: { allowsAnonymous } }: Config): CrossOriginBounds {
  return { hosts: isLoopback(host) && !allowsAnonymous ? 'loopback' : 'any' }
}

function openGuard({ access: { tokens, maxRequestRate }, host }: Config, logger: Logger): TokenGuard | undefined {
  if (tokens !== undefined) logger.info(`tokens in force: ${tokenNames(tokens)}`)
  else if (!isLoopback(host)) logger.warn('no tokens: whoever can connect may read and write every key')
  return tokens && makeTokenGuard({ tokens, maxRequestRate })
}

function tokenReloads({ access: { file: path } }: Config, guard: TokenGuard | undefined, logger: Logger) {
  const reloads: (() => void)[] = []
  if (guard === undefined || path === undefined) return reloads
  reloads.push(() => reloadTokens({ setting: accessSettings.tokensFile.name, path, guard, logger }))
  return reloads
}
