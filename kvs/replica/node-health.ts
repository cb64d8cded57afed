import type { State } from '../kv/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'

/** How the node is, and since when. What a change means for its users is logged once, not with every try. */
export interface Condition {
  readonly state: State
  readonly reason: string | null
  readonly since: Date
  become(state: State, reason: string | null): void
  /** Before the first replay. Tells each distinct reason once. */
  waits(reason: string): void
  /** @param so what happens to writes, for the log line */
  logIsDown(reason: string, so: string): void
  logIsUp(description: string): void
  /** It can be reached, and refuses what is written, for a reason that only an operator can mend. */
  logRefuses(reason: string): void
  /** For the log line alone: each reason once, and again only after a while without it. */
  tellRefusal(reason: string): void
  /** The log can be reached again, and this many spooled writes are on their way to it. */
  drains(writes: number): void
}

/** What is told of refusals stays told for so long after the last of them, though other writes go through in between. */
const toldForMs = 10 * 60_000
/** More reasons than these are not told within that time: a trigger may name the key. */
const mostTold = 10

export function makeCondition(logger: Logger, clock: Clock = systemClock): Condition {
  let state: State = 'starting'
  let reason: string | null = 'connecting to the log'
  let since = new Date(clock.wallTime())
  /** Monotonic; set from the loss of the log until it is back. */
  let downSince: number | undefined
  let told: string | undefined
  /** The refusals that were told, with the moment of the last one. */
  const refusals = new Map<string, number>()

  function become(next: State, why: string | null): void {
    if (next !== state) since = new Date(clock.wallTime())
    state = next
    reason = why
  }

  function tellRefusal(why: string): void {
    const now = clock.now()
    for (const [one, at] of refusals) if (now - at > toldForMs) refusals.delete(one)
    const isTold = refusals.has(why)
    if (!isTold && refusals.size >= mostTold) return
    refusals.set(why, now)
    if (!isTold) logger.error(`the log refuses writes: ${why}`)
  }

  return {
    get state() {
      return state
    },
    get reason() {
      return reason
    },
    get since() {
      return since
    },
    become,

    waits(why) {
      become('starting', why)
      if (told !== why) logger.warn(`waiting for the log: ${why}`)
      told = why
    },

    logIsDown(why, so) {
      become('log down', why)
      if (downSince === undefined) logger.warn(`the log is down: ${why}; ${so}`)
      downSince ??= clock.now()
    },

    logIsUp(description) {
      become('serving', null)
      if (downSince !== undefined) logger.info(`the log is back after ${seconds(downSince, clock)}: ${description}`)
      downSince = undefined
    },

    logRefuses(why) {
      tellRefusal(why)
      become('serving', `the log refuses writes: ${why}`)
    },

    tellRefusal,

    drains(writes) {
      become('log down', `the log is back; ${writes} spooled writes are on their way to it`)
    },
  }
}

/** As text, from a moment of `performance.now()` on. */
export function seconds(since: number, clock: Clock = systemClock): string {
  return `${((clock.now() - since) / 1000).toFixed(3)} s`
}
