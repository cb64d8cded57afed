import process from 'node:process'
import packageJson from '../../package.json' with { type: 'json' }

const { name } = packageJson

const intervalMs = 500

/**
 * Resolves when the npm that started this process has ended without forwarding a signal, as after a SIGKILL: whoever
 * ends npm means the service. Never resolves if this process was not started by `npm start`.
 */
export function waitForNpmExit(env: NodeJS.ProcessEnv): Promise<string> {
  const parent = process.ppid
  return new Promise((resolve) => {
    // A process below another program's `npm start` has its variables too, hence the name.
    if (env.npm_lifecycle_event !== 'start' || env.npm_package_name !== name) return
    const polling = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(polling)
      resolve('npm has ended')
    }, intervalMs)
    polling.unref()
  })
}
