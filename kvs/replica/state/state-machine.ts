import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/logging.ts'
import { linesOf } from './log-lines.ts'
import { initialState, type Moment, type NodeEvent, type NodeState } from './node-state.ts'
import { makeRepetitionFilter } from './repetition-filter.ts'
import { next } from './transitions.ts'

/** Holds the state of the node: the one place where it is kept. */
export interface StateMachine {
  readonly state: NodeState
  /** Moves on by the event, and logs what that means. */
  apply(event: NodeEvent): void
}

export interface StateMachineOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Whether writes are spooled while the log is down. */
  readonly spools: boolean
}

export function makeStateMachine({ clock, logger, spools }: StateMachineOptions): StateMachine {
  let state = initialState(momentOf(clock))
  const isNews = makeRepetitionFilter()

  return {
    get state() {
      return state
    },
    apply(event) {
      const at = momentOf(clock)
      const before = state
      state = next(before, event, at)
      for (const { level, text, isFrequent } of linesOf({ before, event, after: state, at }, spools)) {
        if (!isFrequent || isNews(text, at.now)) logger[level](text)
      }
    },
  }
}

export function momentOf(clock: Clock): Moment {
  return { now: clock.now(), wall: clock.wallTime() }
}
