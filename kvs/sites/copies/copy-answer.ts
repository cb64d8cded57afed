import { KvsError } from '../../core/errors.ts'
import type { AskedCopy, LogCopy } from '../../kv/index.ts'
import type { Clock } from '../../lib/clock.ts'
import type { OwnSite } from '../own-site.ts'

export interface CopyAnswersOptions {
  readonly site: OwnSite
  /** Whether this site was taken out of its group: what it has does not count any more. */
  readonly isRemoved: () => boolean
  readonly clock: Clock
}

/** How long an answer may wait for entries to come, in milliseconds. Who asks gives up after more than that. */
export const copyAnswerMs = 1_000

/**
 * Makes the function that tells another site how far this site's log has its entries: once that is as far as it asks
 * for, or after `copyAnswerMs`. A view has only what its log has committed, so that what is told is on that log's disk.
 * Asks Postgres for nothing. Rejects with `not_ready`, and with `removed`.
 */
export function makeCopyAnswers({ site, isRemoved, clock }: CopyAnswersOptions) {
  function requireMember(): void {
    site.requireReadable()
    if (isRemoved()) throw new KvsError('removed')
  }

  return async ({ log, sequence }: AskedCopy): Promise<LogCopy> => {
    const seen = () => site.lastOf(log).sequence
    requireMember()
    if (seen() < sequence) await untilSeen()
    requireMember()
    return { holder: site.logId(), ...site.lastOf(log) }

    async function untilSeen(): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>()
      const forget = site.onAdvance(() => {
        if (seen() >= sequence) resolve()
      })
      const timer = clock.after(copyAnswerMs, resolve)
      await promise
      timer.cancel()
      forget()
    }
  }
}
