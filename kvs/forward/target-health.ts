import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { seconds } from '../lib/seconds.ts'

/** Whether the target answers. It logs a change once, not with every request. */
export interface TargetHealth {
  /** As of the last request; undefined before the first one. */
  readonly isUp: boolean | undefined
  answered(): void
  failed(reason: string): void
}

export function makeTargetHealth(target: string, logger: Logger, clock: Pick<Clock, 'now'>): TargetHealth {
  /** Moment of the first failure since the last answer. */
  let lostSince: number | undefined
  let isUp: boolean | undefined

  return {
    get isUp() {
      return isUp
    },

    answered() {
      if (lostSince !== undefined) logger.info(`${target} answers again after ${seconds(clock.now() - lostSince)}`)
      lostSince = undefined
      isUp = true
    },

    failed(reason) {
      if (lostSince === undefined) logger.warn(`cannot forward: ${reason}`)
      lostSince ??= clock.now()
      isUp = false
    },
  }
}
