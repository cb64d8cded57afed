import process from 'node:process'
import packageJson from '../../package.json' with { type: 'json' }

const { name } = packageJson

const intervalMs = 500

/**
 * Resolves when the npm that started this process has ended without handing a signal on, as one that gets SIGKILL does:
 * whoever ends npm means the service. Never resolves where it was not started by `npm start`.
 */
export function npmEnded(env: NodeJS.ProcessEnv): Promise<string> {
  const parent = process.ppid
  return new Promise((resolve) => {
    // Whatever runs below another program's npm start has its variables as well.
    if (env.npm_lifecycle_event !== 'start' || env.npm_package_name !== name) return
    const look = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(look)
      resolve('npm has ended')
    }, intervalMs)
    look.unref()
  })
}
