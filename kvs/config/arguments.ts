import { parseArgs } from 'node:util'
import { settings } from './all-settings.ts'
import { isSafeToQuote } from './redaction.ts'

/** What the arguments ask for. */
export type Command = 'serve' | 'check' | 'help' | 'version'

const options = {
  check: { type: 'boolean', purpose: 'read and check the settings, try the log or the target, change nothing' },
  help: { type: 'boolean', short: 'h', purpose: 'show this' },
  version: { type: 'boolean', short: 'v', purpose: 'show the version' },
} as const

const names = Object.keys(options).map((name) => `--${name}`)

/** An argument is unknown or malformed. */
export class InvalidArguments extends Error {
  override readonly name = 'InvalidArguments'
}

/**
 * Reads the command line. Messages leave out arguments without dashes and texts behind "=": they may be misplaced
 * secrets.
 * @throws {InvalidArguments}
 */
export function readArguments(args: readonly string[]): Command {
  const { values, tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind === 'positional') {
      throw new InvalidArguments(
        `an argument without dashes is not taken: settings come by names (${names.join(', ')})`,
      )
    }
    if (token.kind !== 'option') continue
    if (!Object.hasOwn(options, token.name)) {
      const name = isSafeToQuote(token.rawName)
        ? ` ${JSON.stringify(token.rawName)}`
        : ', not shown as it may be a secret'
      throw new InvalidArguments(`unknown argument${name}: known are ${names.join(', ')}`)
    }
    if (token.value !== undefined) throw new InvalidArguments(`${token.rawName} takes no value`)
  }
  if (values.help) return 'help'
  if (values.version) return 'version'
  return values.check ? 'check' : 'serve'
}

/** The text of `--help`. */
export function usage(): string {
  const argumentRows = Object.entries(options).map(([name, { purpose }]) => [`--${name}`, purpose] as const)
  const settingRows = settings.map(
    ({ name, purpose, default: value }) => [name, value === undefined ? purpose : `${purpose} (${value})`] as const,
  )
  return [
    'A key-value store over a Postgres transaction log.',
    '',
    'usage: node kvs/main.ts [argument], or npm start -- [argument]',
    '',
    ...alignRows(argumentRows),
    '',
    'Settings, from the environment and from a file .env in the working directory, with their defaults:',
    '',
    ...alignRows(settingRows),
    '',
    'Exit codes: 0 told to stop, 1 failed, 78 a setting or an argument is wrong. README.md and docs/ have the rest.',
  ].join('\n')
}

function alignRows(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, purpose]) => `  ${name.padEnd(width)}  ${purpose}`)
}
