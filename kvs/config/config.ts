import type { Tls } from '../tls/index.ts'
import { type Access, lockNames, readAccess } from './access-config.ts'
import { serviceSettings, settings } from './all-settings.ts'
import { isForwarding, unusedByForwarding } from './forwarding-config.ts'
import { tellLibpqVariables } from './libpq.ts'
import { nearest } from './nearest-name.ts'
import { type PostgresTarget, readPostgres, unusedByEmbedded } from './postgres-target.ts'
import { tellServiceLinks, withoutServiceLinks } from './service-links.ts'
import { forwarderSettings, forwardingSettings } from './settings/forwarding-settings.ts'
import { type Environment, givenTexts, parseTexts, type Setting, type Values } from './settings-table.ts'
import { readForwardTls, readServerTls } from './tls-config.ts'

type Service = Values<typeof serviceSettings>

export interface Config extends Service {
  postgres: PostgresTarget | 'embedded'
  access: Access
  /** `host:port` or `https://host:port`, as it can stand in a URL. Where it is set, the node has no log, nor anything else to keep. */
  forwardingAddress: string | undefined
  /** Where it is there, the service speaks HTTPS. */
  tls: Tls | undefined
  /** Where it is there, the target does. */
  forwardTls: Tls | undefined
  /** What was set to no effect, in sentences for the log. */
  warnings: string[]
}

/** Everything that is wrong with the configuration, at once; no secret is in it. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(['the configuration is not valid:', ...problems].join('\n  '))
    this.problems = problems
  }
}

const rules = [
  { larger: 'requestTimeoutMs', must: 'at least', smaller: 'headersTimeoutMs', why: 'the headers are part of it' },
] as const

const forwardingRules = [
  {
    larger: 'idleTimeoutMs',
    must: 'more than',
    smaller: 'forwardTimeoutMs',
    why: 'or a request that waits for its answer loses its connection',
  },
] as const

const storeRules = [
  {
    larger: 'idleTimeoutMs',
    must: 'more than',
    smaller: 'appendTimeoutMs',
    why: 'or a write that waits for the log loses its connection',
  },
  {
    larger: 'idleTimeoutMs',
    must: 'more than',
    smaller: 'waitTimeoutMs',
    why: 'or a request that waits for a position loses its connection',
  },
  { larger: 'maxLagMs', must: 'more than', smaller: 'tailIntervalMs', why: 'or a quiet node counts as behind' },
  { larger: 'spoolMaxBytes', must: 'at least', smaller: 'maxValueBytes', why: 'or the largest value is never spooled' },
  { larger: 'maxWaitingBytes', must: 'at least', smaller: 'maxValueBytes', why: 'or the largest value is never taken' },
] as const

/**
 * Reads the environment, and the files it names. @throws {InvalidConfig}
 */
export function readConfig(given: Environment): Config {
  const { env, links } = withoutServiceLinks(given)
  const problems: string[] = []
  const names = settings.map(({ name }) => name)
  const warnings = [...tellServiceLinks(links, names), ...tellLibpqVariables(env)]
  const { forwardingAddress } = parseTexts(forwardingSettings, givenTexts(forwardingSettings, env), problems)
  // What is of no use is not looked at either: it can't be wrong.
  const used = isForwarding(env) ? without(unusedByForwarding(env), env) : env
  const postgres = readPostgres(used, problems)
  const service = readService(used, problems)
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile, forwardCertFile, forwardKeyFile, forwardCaFile } = service
  const tls = readServerTls({ cert: tlsCertFile, key: tlsKeyFile, ca: tlsClientCaFile }, problems, warnings)
  const forwardTls = forwardingAddress?.startsWith('https://')
    ? readForwardTls({ cert: forwardCertFile, key: forwardKeyFile, ca: forwardCaFile }, problems, warnings)
    : undefined
  const access = readAccess(used, service.host, problems, warnings)
  noteUnknown(env, problems, warnings)
  if (problems.length > 0 || postgres === undefined) throw new InvalidConfig(problems)
  warnings.push(...unused(env, postgres), ...unusedWithoutHttps(env, forwardingAddress))
  return { ...service, postgres, access, forwardingAddress, tls, forwardTls, warnings }
}

function without(names: readonly string[], env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))
}

/** Complete only if it adds nothing to `problems`. */
function readService(env: Environment, problems: string[]): Service {
  const given = givenTexts(serviceSettings, env)
  const values = parseTexts(serviceSettings, given, problems)
  const written = (key: keyof Service) => {
    const setting: Setting = serviceSettings[key]
    return `${setting.name} (${given[key] ?? setting.default})`
  }
  const more = isForwarding(env) ? forwardingRules : storeRules
  for (const { larger, must, smaller, why } of [...rules, ...more]) {
    const [large, small] = [values[larger], values[smaller]]
    if (large === undefined || small === undefined || large > small || (must === 'at least' && large === small))
      continue
    problems.push(`${written(larger)} must be ${must} ${written(smaller)}: ${why}`)
  }
  return values as Service
}

/** A lock whose name is misspelt is no lock: that is no matter for a warning. */
function noteUnknown(env: Environment, problems: string[], warnings: string[]): void {
  const known = settings.map(({ name }) => name)
  const names = Object.keys(env).filter(
    (name) => /^(KVS|POSTGRES|FORWARDING)_/.test(name) && env[name] && !known.includes(name),
  )
  for (const name of names) {
    const meant = nearest(name, known)
    const notes = meant !== undefined && lockNames.includes(meant) ? problems : warnings
    notes.push(`${name} is not a setting${meant === undefined ? '' : `; did you mean ${meant}?`}`)
  }
}

function unused(env: Environment, postgres: Config['postgres']): string[] {
  if (isForwarding(env)) {
    // The image sets KVS_DATA_DIR, whatever its container is to be.
    const names = unusedByForwarding(env).filter((name) => name !== serviceSettings.dataDir.name)
    return notUsed(names, 'every request is forwarded, since FORWARDING_ADDRESS is set')
  }
  const names = postgres === 'embedded' ? unusedByEmbedded(env) : []
  return notUsed(names, 'the log is embedded, since neither POSTGRES_HOST nor DATABASE_URL is set')
}

function unusedWithoutHttps(env: Environment, forwardingAddress: string | undefined): string[] {
  if (forwardingAddress?.startsWith('https://')) return []
  const { forwardCaFile, forwardCertFile, forwardKeyFile } = forwarderSettings
  const names = [forwardCaFile, forwardCertFile, forwardKeyFile].flatMap(({ name }) => (env[name] ? [name] : []))
  return notUsed(names, 'FORWARDING_ADDRESS does not begin with https://')
}

function notUsed(names: readonly string[], why: string): string[] {
  return names.length === 0 ? [] : [`not used: ${names.join(', ')}; ${why}`]
}
