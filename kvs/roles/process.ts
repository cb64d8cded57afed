import type { Logger } from 'pino'
import packageJson from '../../package.json' with { type: 'json' }
import { isLoopback, makeGuard, namesOf, reloadTokens, type TokenGuard } from '../access/index.ts'
import { accessSettings, type Config } from '../config/index.ts'
import type { CrossOriginBounds } from '../http/exchange/index.ts'
import { makeLogger } from '../logger/index.ts'
import { npmEnded } from './npm-parent.ts'
import { reloadOnHangup, shutdownSignal } from './signals.ts'

/** What every role of the process has, whatever it serves. */
export interface RoleProcess {
  /** Version of this program. */
  readonly version: string
  readonly logger: Logger
  /** Undefined where everybody may do everything. */
  readonly guard: TokenGuard | undefined
  /** Bounds of the cross-origin guard; undefined where tokens do its work. */
  readonly crossOrigin: CrossOriginBounds | undefined
  /** Resolves when the process is told to stop, with what told it. */
  readonly told: Promise<string>
  /** Functions that SIGHUP calls; a role adds its own. */
  readonly reloads: (() => void)[]
}

/** Prepares the process for a role: its logger, the guard of its tokens, and its signals. */
export function prepareProcess(config: Config): RoleProcess {
  const logger = makeLogger({
    level: config.logLevel,
    format: config.logFormat,
    isTerminal: process.stdout.isTTY === true,
  })
  for (const warning of config.warnings) logger.warn(warning)
  const told = Promise.race([shutdownSignal(), npmEnded(process.env)])
  const guard = guardOf(config, logger)
  const crossOrigin = guard ? undefined : crossOriginBoundsOf(config)
  const reloads = tokenReloads(config, guard, logger)
  reloadOnHangup(reloads, logger)
  return { version: packageJson.version, logger, guard, crossOrigin, told, reloads }
}

/** An operator who allows anonymous access has clients that call the service by other names, such as a proxy's. */
function crossOriginBoundsOf({ host, access: { allowsAnonymous } }: Config): CrossOriginBounds {
  return { hosts: isLoopback(host) && !allowsAnonymous ? 'loopback' : 'any' }
}

function guardOf({ access: { tokens, maxRequestRate }, host }: Config, logger: Logger): TokenGuard | undefined {
  if (tokens !== undefined) logger.info(`tokens in force: ${namesOf(tokens)}`)
  else if (!isLoopback(host)) logger.warn('no tokens: whoever can connect may read and write every key')
  return tokens && makeGuard({ tokens, maxRequestRate })
}

function tokenReloads({ access: { file: path } }: Config, guard: TokenGuard | undefined, logger: Logger) {
  const reloads: (() => void)[] = []
  if (guard === undefined || path === undefined) return reloads
  reloads.push(() => reloadTokens({ setting: accessSettings.tokensFile.name, path, guard, logger }))
  return reloads
}
