import { isLoopback, parseTokenSetting, readTokenFile, type Token, type TokenSource } from '../access/index.ts'
import { isSafeToQuote } from './redaction.ts'
import { accessSettings } from './settings/access-settings.ts'
import { httpSettings } from './settings/http-settings.ts'
import { type Environment, givenTexts, parseTexts } from './settings-table.ts'

export interface Access {
  /** Valid tokens; undefined when tokens are off, so that everybody may do everything. */
  readonly tokens: readonly Token[] | undefined
  /** Path of the token file, which can be read again; undefined when there is none. */
  readonly file: string | undefined
  /** Whether the operator allows anonymous access from other machines. It has no effect when there are tokens. */
  readonly allowsAnonymous: boolean
  /** Whether everybody may clear keys where there are no tokens. It has no effect when there are tokens. */
  readonly allowsClear: boolean
  /** Maximal requests a second for each token; undefined for unlimited. */
  readonly maxRequestRate: number | undefined
}

const nameOf = {
  host: httpSettings.host.name,
  tokens: accessSettings.tokens.name,
  tokensFile: accessSettings.tokensFile.name,
  allowAnonymous: accessSettings.allowAnonymous.name,
  allowClear: accessSettings.allowClear.name,
  maxRequestRate: accessSettings.maxRequestRate.name,
}

/** Misspelling these would start the node without authentication, so it is an error. */
export const tokenSettingNames: readonly string[] = [nameOf.tokens, nameOf.tokensFile]

/** Reads the settings of access. The result may be used only if `problems` stayed empty. */
export function readAccess(env: Environment, host: string | undefined, problems: string[], warnings: string[]): Access {
  const { tokens: text, tokensFile: file } = givenTexts(accessSettings, env)
  const values = parseTexts(accessSettings, givenTexts(accessSettings, env), problems)
  const { maxRequestRate } = values
  if (text !== undefined && file !== undefined) {
    problems.push(`${nameOf.tokens} and ${nameOf.tokensFile} are both set: keep one`)
  }
  const blank = tokenSettingNames.filter((name) => env[name]?.trim() === '')
  problems.push(...blank.map((name) => `${name} is set to nothing: give it tokens, or unset it to have none`))
  const source = blank.length > 0 ? undefined : readTokens(text, values.tokensFile)
  problems.push(...(source?.problems ?? []))
  warnings.push(...(source?.warnings ?? []))
  const isAnonymous = text === undefined && file === undefined && blank.length === 0
  if (isAnonymous && values.allowAnonymous === 'false' && host !== undefined && !isLoopback(host)) {
    problems.push(
      `${nameOf.host}${isSafeToQuote(host) ? ` (${host})` : ''} can be reached from other machines, and no token ` +
        `is set, so that anybody there could read and write every key: set ${nameOf.tokensFile} or ` +
        `${nameOf.tokens}, or leave ${nameOf.host} at 127.0.0.1, or set ` +
        `${nameOf.allowAnonymous}=true where only those reach it who may`,
    )
  }
  if (isAnonymous && maxRequestRate !== undefined) {
    warnings.push(`not used: ${nameOf.maxRequestRate}; it holds for each token, and none is set`)
  }
  const [allowsAnonymous, allowsClear] = [values.allowAnonymous === 'true', values.allowClear === 'true']
  if (!isAnonymous && allowsClear) {
    warnings.push(`not used: ${nameOf.allowClear}; a token clears keys where it has the right clear`)
  }
  return { tokens: source?.tokens, file: values.tokensFile, allowsAnonymous, allowsClear, maxRequestRate }
}

function readTokens(text: string | undefined, file: string | undefined): TokenSource | undefined {
  if (text !== undefined) return parseTokenSetting(nameOf.tokens, text)
  return file === undefined ? undefined : readTokenFile(nameOf.tokensFile, file)
}
