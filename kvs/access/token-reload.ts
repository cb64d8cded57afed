import { readTokenFile } from './token-source.ts'
import type { Token } from './tokens.ts'

export interface ReloadOptions {
  /** Name of the setting that names the file, for messages. */
  readonly setting: string
  readonly path: string
  readonly guard: { replace(tokens: readonly Token[]): void }
  readonly logger: { info(message: string): void; warn(message: string): void; error(message: string): void }
}

/**
 * Reads the token file again. If anything is wrong with it, the problems are logged and the tokens stay as they were.
 */
export function reloadTokens({ setting, path, guard, logger }: ReloadOptions): void {
  const { tokens, problems, warnings } = readTokenFile(setting, path)
  if (problems.length > 0) {
    logger.error(['the tokens stay as they were:', ...problems].join('\n  '))
    return
  }
  guard.replace(tokens)
  for (const warning of warnings) logger.warn(warning)
  logger.info(`tokens read anew: ${tokenNames(tokens)}`)
}

export function tokenNames(tokens: readonly Token[]): string {
  return tokens.map(({ name }) => name).join(', ')
}
