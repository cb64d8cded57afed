import { closeSync, openSync } from 'node:fs'
import type { Logger } from 'pino'

/** A Ctrl-C reaches a process twice, from the terminal and from npm, when these come within this time of each other. */
const sameSignalMs = 200

/** Resolves with the first SIGTERM or SIGINT, which begins a graceful shutdown. A second one ends the process at once. */
export function shutdownSignal(): Promise<NodeJS.Signals> {
  let first: number | undefined
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (first !== undefined && performance.now() - first > sameSignalMs) process.exit(1)
        first ??= performance.now()
        resolve(signal)
      })
    }
  })
}

/**
 * Calls every reload on SIGHUP. Where SIGHUP means instead that the terminal was closed from which the process was started, it becomes
 * a SIGTERM.
 */
export function reloadOnHangup(reloads: readonly (() => void)[], logger: Pick<Logger, 'info'>): void {
  const hadTerminal = hasTerminal()
  process.on('SIGHUP', () => {
    if (hadTerminal && !hasTerminal()) process.kill(process.pid, 'SIGTERM')
    else if (reloads.length === 0) logger.info('SIGHUP: no setting names a file that could be read anew')
    else for (const reload of reloads) reload()
  })
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
