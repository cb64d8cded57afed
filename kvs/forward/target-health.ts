import type { Logger } from '../lib/logging.ts'
import { seconds } from '../lib/seconds.ts'

/** Whether the target answers. A change is logged once, not with every request. */
export interface Reach {
  /** As of the last request; undefined before that. */
  readonly isUp: boolean | undefined
  answered(): void
  failed(reason: string): void
}

export function makeReach(target: string, logger: Logger): Reach {
  /** Monotonic; set from the first failure until there is an answer. */
  let lostSince: number | undefined
  let isUp: boolean | undefined

  return {
    get isUp() {
      return isUp
    },

    answered() {
      if (lostSince !== undefined)
        logger.info(`${target} answers again after ${seconds(performance.now() - lostSince)}`)
      lostSince = undefined
      isUp = true
    },

    failed(reason) {
      if (lostSince === undefined) logger.warn(`cannot forward: ${reason}`)
      lostSince ??= performance.now()
      isUp = false
    },
  }
}
