import type { KvsError } from '../../core/errors.ts'
import type { Logger } from '../../lib/logging.ts'

/** What the spool has refused since it was last empty. */
export interface SpoolRefusals {
  /** Why the spool refused the last write that it was to take; null where it took it. */
  readonly obstacle: string | null
  noteTaken(): void
  /** Logs the first refusal. */
  noteRefused(error: KvsError, writes: number): void
  /** The spool is empty: logs how many writes were refused meanwhile, and begins anew. */
  noteEmpty(): void
}

export function makeSpoolRefusals(logger: Pick<Logger, 'warn'>): SpoolRefusals {
  let obstacle: string | null = null
  let refused = 0

  return {
    get obstacle() {
      return obstacle
    },
    noteTaken() {
      obstacle = null
    },
    noteRefused({ message }, writes) {
      obstacle = message.replace('; nothing was stored', '')
      if (refused === 0) logger.warn(`writes that the spool does not take are refused: ${obstacle}`)
      refused += writes
    },
    noteEmpty() {
      obstacle = null
      if (refused > 0) logger.warn(`writes that were refused while the log was down: ${refused}`)
      refused = 0
    },
  }
}
