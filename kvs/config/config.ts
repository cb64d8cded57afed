import { nearest } from './nearest.ts'
import { type PostgresTarget, readPostgres, unusedByEmbedded } from './postgres.ts'
import { type Environment, givenTexts, parseTexts, serviceSettings, settings, type Values } from './settings.ts'

type Service = Values<typeof serviceSettings>

export interface Config extends Service {
  postgres: PostgresTarget | 'embedded'
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
  { larger: 'requestTimeoutMs', must: 'at least', smaller: 'headersTimeoutMs', why: 'the headers are part of it' },
  { larger: 'spoolMaxBytes', must: 'at least', smaller: 'maxValueBytes', why: 'or the largest value is never spooled' },
  { larger: 'maxWaitingBytes', must: 'at least', smaller: 'maxValueBytes', why: 'or the largest value is never taken' },
] as const

/**
 * Reads the environment, and the files it names. @throws {InvalidConfig}
 */
export function readConfig(env: Environment): Config {
  const problems: string[] = []
  const postgres = readPostgres(env, problems)
  const service = readService(env, problems)
  if (problems.length > 0 || postgres === undefined) throw new InvalidConfig(problems)
  return { ...service, postgres, warnings: [...unknown(env), ...(postgres === 'embedded' ? unused(env) : [])] }
}

/** Complete only if it adds nothing to `problems`. */
function readService(env: Environment, problems: string[]): Service {
  const given = givenTexts(serviceSettings, env)
  const values = parseTexts(serviceSettings, given, problems)
  const written = (key: keyof Service) => `${serviceSettings[key].name} (${given[key] ?? serviceSettings[key].default})`
  for (const { larger, must, smaller, why } of rules) {
    const [large, small] = [values[larger], values[smaller]]
    if (large === undefined || small === undefined || large > small || (must === 'at least' && large === small))
      continue
    problems.push(`${written(larger)} must be ${must} ${written(smaller)}: ${why}`)
  }
  return values as Service
}

function unknown(env: Environment): string[] {
  const known = settings.map(({ name }) => name)
  const names = Object.keys(env).filter((name) => /^(KVS|POSTGRES)_/.test(name) && env[name] && !known.includes(name))
  return names.map((name) => {
    const meant = nearest(name, known)
    return `${name} is not a setting${meant === undefined ? '' : `; did you mean ${meant}?`}`
  })
}

function unused(env: Environment): string[] {
  const names = unusedByEmbedded(env)
  if (names.length === 0) return []
  return [`not used: ${names.join(', ')}; the log is embedded, since neither POSTGRES_HOST nor DATABASE_URL is set`]
}
