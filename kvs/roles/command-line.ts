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

/** EX_CONFIG of sysexits.h: the configuration is wrong. */
const exitConfig = 78

/**
 * Reads the arguments and the settings to serve by. It adds the settings of `.env` to the environment and removes
 * libpq's variables. It ends the process when the arguments ask for something else than serving, or when arguments or
 * settings are wrong.
 */
export async function readCommandLine(version: string): Promise<Config> {
  const command = exitIfInvalid(() => readArguments(process.argv.slice(2)))
  if (command === 'help') return printAndExit(usage())
  if (command === 'version') return printAndExit(`kvs ${version}`)
  Object.assign(
    process.env,
    exitIfInvalid(() => readEnvFile(process.env)),
  )
  const config = exitIfInvalid(() => readConfig(process.env))
  removeLibpqVariables(process.env)
  if (command === 'serve') return config
  const { check } = await import('./check.ts')
  process.exit((await check(config, (line) => console.log(line))) ? 0 : exitConfig)
}

function printAndExit(text: string): never {
  console.log(text)
  process.exit(0)
}

function exitIfInvalid<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof InvalidConfig) && !(error instanceof InvalidArguments)) throw error
    console.error(error.message)
    process.exit(exitConfig)
  }
}
