import type { Tls } from '../tls/index.ts'
import { type Access, readAccess, tokenSettingNames } from './access-config.ts'
import { serviceSettings, settings } from './all-settings.ts'
import { isForwarding, unusedByForwarding } from './forwarding-config.ts'
import { warnOfLibpqVariables } from './libpq-variables.ts'
import { nearest } from './nearest-name.ts'
import { type PostgresTarget, readPostgres, unusedByEmbedded } from './postgres-target.ts'
import { type RingConfig, readRing, unusedWithoutRing } from './ring-config.ts'
import { warnOfServiceLinks, withoutServiceLinks } from './service-links.ts'
import { forwarderSettings, forwardingSettings } from './settings/forwarding-settings.ts'
import { type Environment, givenTexts, parseTexts, type Setting, type Values } from './settings-table.ts'
import { readSites, type Sites, unusedWithoutSites, withAssignedNames } from './sites-config.ts'
import { readForwardTls, readServerTls } from './tls-config.ts'

type Service = Values<typeof serviceSettings>

export interface Config extends Service {
  /** Where the log is. `embedded` runs a Postgres of its own. */
  postgres: PostgresTarget | 'embedded'
  access: Access
  /** Target of a forwarder, `host:port` or `https://host:port`; undefined for a node, which has a log. */
  forwardingAddress: string | undefined
  /** TLS of the service; undefined for plain HTTP. */
  tls: Tls | undefined
  /** TLS of a forwarder's connections to its target; undefined for plain HTTP. */
  forwardTls: Tls | undefined
  /** The other sites; undefined for a node whose log is no site. */
  sites: Sites | undefined
  /** The node's part in a ring; undefined where it can be in none. */
  ring: RingConfig | undefined
  /** Sentences for the log, such as about settings without effect. */
  warnings: string[]
}

/** Reports all problems of the configuration at once. Its message contains no secret. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(['the configuration is not valid:', ...problems].join('\n  '))
    this.problems = problems
  }
}

/** Orders between settings that hold in every role. */
const rules = [
  { larger: 'requestTimeoutMs', must: 'at least', smaller: 'headersTimeoutMs', why: 'the headers are part of it' },
] as const

/** Further orders in a forwarder. */
const forwardingRules = [
  {
    larger: 'idleTimeoutMs',
    must: 'more than',
    smaller: 'forwardTimeoutMs',
    why: 'or a request that waits for its answer loses its connection',
  },
] as const

/** Further orders in a node. */
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
 * Reads the settings from the environment, and the files that they name.
 * @throws {InvalidConfig}
 */
export function readConfig(given: Environment): Config {
  const { env, links } = withoutServiceLinks(withAssignedNames(given))
  const problems: string[] = []
  const names = settings.map(({ name }) => name)
  const warnings = [...warnOfServiceLinks(links, names), ...warnOfLibpqVariables(env)]
  const { forwardingAddress } = parseTexts(forwardingSettings, givenTexts(forwardingSettings, env), problems)
  // Settings without effect are not checked, so that they can't keep the service from starting.
  const used = isForwarding(env) ? without(unusedByForwarding(env), env) : env
  const postgres = readPostgres(used, problems)
  const service = readService(used, problems)
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile, forwardCertFile, forwardKeyFile, forwardCaFile } = service
  const tls = readServerTls({ cert: tlsCertFile, key: tlsKeyFile, ca: tlsClientCaFile }, problems, warnings)
  const forwardTls = forwardingAddress?.startsWith('https://')
    ? readForwardTls({ cert: forwardCertFile, key: forwardKeyFile, ca: forwardCaFile }, problems, warnings)
    : undefined
  const sites = readSites(service, used, problems, warnings)
  const ring = readRing(service, problems, warnings)
  const access = readAccess(used, service.host, problems, warnings)
  reportUnknown(env, problems, warnings)
  if (problems.length > 0 || postgres === undefined) throw new InvalidConfig(problems)
  const unused = [...unusedSettings(env, postgres), ...unusedWithoutHttps(env, forwardingAddress)]
  warnings.push(...unused, ...unusedWarning(...unusedWithoutSites(used, sites, ring)))
  warnings.push(...unusedWarning(...unusedWithoutRing(used, ring)))
  const waitTimeoutMs = sites?.waitTimeoutMs ?? service.waitTimeoutMs
  return { ...service, waitTimeoutMs, postgres, access, forwardingAddress, tls, forwardTls, sites, ring, warnings }
}

function without(names: readonly string[], env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))
}

/** Reads the settings of `serviceSettings`. The result is complete only if `problems` stayed empty. */
function readService(env: Environment, problems: string[]): Service {
  const given = givenTexts(serviceSettings, env)
  const values = parseTexts(serviceSettings, given, problems)
  const describe = (key: keyof Service) => {
    const setting: Setting = serviceSettings[key]
    return `${setting.name} (${given[key] ?? setting.default})`
  }
  const more = isForwarding(env) ? forwardingRules : storeRules
  for (const { larger, must, smaller, why } of [...rules, ...more]) {
    const [large, small] = [values[larger], values[smaller]]
    if (large === undefined || small === undefined || large > small || (must === 'at least' && large === small))
      continue
    problems.push(`${describe(larger)} must be ${must} ${describe(smaller)}: ${why}`)
  }
  return values as Service
}

/** Reports unknown names of settings: as warnings, or as problems when a token setting was probably meant. */
function reportUnknown(env: Environment, problems: string[], warnings: string[]): void {
  const known = settings.map(({ name }) => name)
  const names = Object.keys(env).filter(
    (name) => /^(KVS|POSTGRES|FORWARDING)_/.test(name) && env[name] && !known.includes(name),
  )
  for (const name of names) {
    const meant = nearest(name, known)
    const reports = meant !== undefined && tokenSettingNames.includes(meant) ? problems : warnings
    reports.push(`${name} is not a setting${meant === undefined ? '' : `; did you mean ${meant}?`}`)
  }
}

function unusedSettings(env: Environment, postgres: Config['postgres']): string[] {
  if (isForwarding(env)) {
    // The image sets KVS_DATA_DIR in every role.
    const names = unusedByForwarding(env).filter((name) => name !== serviceSettings.dataDir.name)
    return unusedWarning(names, 'every request is forwarded, since FORWARDING_ADDRESS is set')
  }
  const names = postgres === 'embedded' ? unusedByEmbedded(env) : []
  return unusedWarning(names, 'the log is embedded, since neither POSTGRES_HOST nor DATABASE_URL is set')
}

function unusedWithoutHttps(env: Environment, forwardingAddress: string | undefined): string[] {
  if (forwardingAddress?.startsWith('https://')) return []
  const { forwardCaFile, forwardCertFile, forwardKeyFile } = forwarderSettings
  const names = [forwardCaFile, forwardCertFile, forwardKeyFile].flatMap(({ name }) => (env[name] ? [name] : []))
  return unusedWarning(names, 'FORWARDING_ADDRESS does not begin with https://')
}

function unusedWarning(names: readonly string[], why: string): string[] {
  return names.length === 0 ? [] : [`not used: ${names.join(', ')}; ${why}`]
}
