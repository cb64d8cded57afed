import { closeSync, openSync } from 'node:fs'
import type { Logger } from 'pino'

/** Two signals within this time, in milliseconds, are one Ctrl-C: it arrives from the terminal and again from npm. */
const duplicateSignalMs = 200

/**
 * Resolves with the first SIGTERM or SIGINT, which starts the graceful shutdown. A second one ends the process at once.
 */
export function shutdownSignal(): Promise<NodeJS.Signals> {
  let firstAt: number | undefined
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (firstAt !== undefined && performance.now() - firstAt > duplicateSignalMs) process.exit(1)
        firstAt ??= performance.now()
        resolve(signal)
      })
    }
  })
}

/**
 * Calls every reload function on SIGHUP. If SIGHUP arrives because the terminal that started the process was closed, it
 * is turned into SIGTERM.
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
