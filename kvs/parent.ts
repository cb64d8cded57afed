import process from 'node:process'

const intervalMs = 500

/**
 * Resolves when the npm that started this process has ended without handing a signal on, as one that gets SIGKILL does:
 * whoever ends npm means the service. Never resolves where it was not started by `npm start`.
 */
export function npmEnded(env: NodeJS.ProcessEnv): Promise<string> {
  const parent = process.ppid
  return new Promise((resolve) => {
    if (env.npm_lifecycle_event !== 'start') return
    const look = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(look)
      resolve('npm has ended')
    }, intervalMs)
    look.unref()
  })
}
