import { isUtf8 } from 'node:buffer'
import { lstatSync } from 'node:fs'
import { readBounded } from '../lib/files.ts'
import { settings } from './all-settings.ts'
import { InvalidConfig } from './config.ts'
import { parseEnvFile } from './env-file.ts'
import { withoutServiceLinks } from './service-links.ts'
import type { Environment } from './settings-table.ts'

const maxBytes = 1_048_576

/**
 * What `.env` in the working directory adds to the environment, which wins. Where there is such a file it has to be of use: a
 * start without it would be one without tokens, on a log of its own.
 * @throws {InvalidConfig} where it can't be read, or understood line by line
 */
export function readEnvFile(given: Environment, path = '.env'): Environment {
  // What Kubernetes sets is no setting, and takes the place of none.
  const { env } = withoutServiceLinks(given)
  const content = contentOf(path)
  if (content === undefined) return {}
  const { values, problems } = parseEnvFile(content, env, isOurs)
  if (problems.length > 0) throw new InvalidConfig(problems.map((problem) => `${path}: ${problem}`))
  if (Object.keys(values).length === 0) throw new InvalidConfig([`${path} sets nothing: fill it in, or remove it`])
  return Object.fromEntries(Object.entries(values).filter(([name]) => env[name] === undefined))
}

/** Undefined where there is no such file. */
function contentOf(path: string): string | undefined {
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

function isOurs(name: string): boolean {
  return /^(KVS|POSTGRES|FORWARDING)_/.test(name) || settings.some((setting) => setting.name === name)
}
