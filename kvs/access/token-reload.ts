import { tokensInFile } from './token-source.ts'
import type { Token } from './tokens.ts'

export interface ReloadOptions {
  /** The setting that names the file, for people. */
  readonly setting: string
  readonly path: string
  readonly guard: { replace(tokens: readonly Token[]): void }
  readonly logger: { info(message: string): void; warn(message: string): void; error(message: string): void }
}

/** Reads the file anew. Where anything is wrong with it, all of that is logged, and the tokens stay as they were. */
export function reloadTokens({ setting, path, guard, logger }: ReloadOptions): void {
  const { tokens, problems, warnings } = tokensInFile(setting, path)
  if (problems.length > 0) {
    logger.error(['the tokens stay as they were:', ...problems].join('\n  '))
    return
  }
  guard.replace(tokens)
  for (const warning of warnings) logger.warn(warning)
  logger.info(`tokens read anew: ${namesOf(tokens)}`)
}

export function namesOf(tokens: readonly Token[]): string {
  return tokens.map(({ name }) => name).join(', ')
}
