import { isUtf8 } from 'node:buffer'
import { lstatSync } from 'node:fs'
import { readBounded } from '../lib/files.ts'
import { settings } from './all-settings.ts'
import { InvalidConfig } from './config.ts'
import { parseEnvFile } from './env-file-parser.ts'
import { withoutServiceLinks } from './service-links.ts'
import type { Environment } from './settings-table.ts'

const maxBytes = 1_048_576

/**
 * Reads the variables of `.env` in the working directory that the environment does not set; empty without such a file.
 * An existing file must be usable, because a start without it would have no tokens and a log of its own.
 * @throws {InvalidConfig} when the file can't be read or has a line that can't be parsed
 */
export function readEnvFile(given: Environment, path = '.env'): Environment {
  // Variables that Kubernetes sets are not settings: they do not hide values of the file.
  const { env } = withoutServiceLinks(given)
  const content = readText(path)
  if (content === undefined) return {}
  const { values, problems } = parseEnvFile(content, env, isOwnName)
  if (problems.length > 0) throw new InvalidConfig(problems.map((problem) => `${path}: ${problem}`))
  if (Object.keys(values).length === 0) throw new InvalidConfig([`${path} sets nothing: fill it in, or remove it`])
  return Object.fromEntries(Object.entries(values).filter(([name]) => env[name] === undefined))
}

/** Reads the text of the file; undefined when it does not exist. */
function readText(path: string): string | undefined {
  try {
    const file = readBounded(path, maxBytes)
    if (typeof file === 'string') throw new InvalidConfig([`${path} is ${file}: it has to be a file of settings`])
    if (!isUtf8(file.content)) throw new InvalidConfig([`${path} is not UTF-8: save it as that`])
    return file.content.toString()
  } catch (error) {
    if (error instanceof InvalidConfig) throw error
    const code = error instanceof Error && 'code' in error ? error.code : String(error)
    if (code !== 'ENOENT') throw new InvalidConfig([`${path} can’t be read (${code})`])
    if (lstatSync(path, { throwIfNoEntry: false })) throw new InvalidConfig([`${path} is a link to nothing`])
    return undefined
  }
}

function isOwnName(name: string): boolean {
  return /^(KVS|POSTGRES|FORWARDING)_/.test(name) || settings.some((setting) => setting.name === name)
}
