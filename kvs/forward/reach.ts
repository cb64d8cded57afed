import { type Logger, seconds } from '../condition.ts'

/** Whether the target answers. A change is logged once, not with every request. */
export interface Reach {
  answered(): void
  failed(reason: string): void
}

export function makeReach(target: string, logger: Logger): Reach {
  /** Monotonic; set from the first failure until there is an answer. */
  let lostSince: number | undefined

  return {
    answered() {
      if (lostSince !== undefined) logger.info(`${target} answers again after ${seconds(lostSince)}`)
      lostSince = undefined
    },

    failed(reason) {
      if (lostSince === undefined) logger.warn(`cannot forward: ${reason}`)
      lostSince ??= performance.now()
    },
  }
}
