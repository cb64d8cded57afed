import {
  type Config,
  InvalidArguments,
  InvalidConfig,
  readArguments,
  readConfig,
  readEnvFile,
  removeLibpqVariables,
  usage,
} from '../config/index.ts'

/** sysexits.h: the configuration is wrong */
const exitConfig = 78

/**
 * The settings to serve by, with those of `.env` in the environment from now on, and libpq's variables no longer. Ends the process where something else was
 * asked for than to serve, or where what was given is wrong.
 */
export async function readStart(version: string): Promise<Config> {
  const command = orExit(() => readArguments(process.argv.slice(2)))
  if (command === 'help') return tellAndExit(usage())
  if (command === 'version') return tellAndExit(`kvs ${version}`)
  Object.assign(
    process.env,
    orExit(() => readEnvFile(process.env)),
  )
  const config = orExit(() => readConfig(process.env))
  removeLibpqVariables(process.env)
  if (command === 'serve') return config
  const { check } = await import('./check.ts')
  process.exit((await check(config, (line) => console.log(line))) ? 0 : exitConfig)
}

function tellAndExit(text: string): never {
  console.log(text)
  process.exit(0)
}

function orExit<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof InvalidConfig) && !(error instanceof InvalidArguments)) throw error
    console.error(error.message)
    process.exit(exitConfig)
  }
}
