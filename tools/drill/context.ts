import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../lab/polling.ts'
import type { Context } from './drill.ts'
import type { Fault } from './history.ts'

/** Collects what happens during a drill, apart from what its clients see. */
export interface Notebook {
  readonly faults: Fault[]
  readonly violations: string[]
  readonly notes: string[]
}

export interface ContextOptions extends Pick<Context, 'stack' | 'workload' | 'random' | 'signal'> {
  readonly notebook: Notebook
  /** Milliseconds since the drill began. */
  readonly now: () => number
  /** End of the faulty phase on the same clock. */
  readonly deadline: () => number
}

export function makeContext({ notebook, now, deadline, ...given }: ContextOptions): Context {
  const { stack, random, signal } = given
  const { faults, violations, notes } = notebook
  return {
    ...given,
    left: () => Math.max(0, (deadline() - now()) / 1000),
    pause: (from, to) => sleep(1000 * random.between(from, to), undefined, { signal }),

    async lasting(name, body) {
      const from = now()
      try {
        return await body()
      } finally {
        faults.push({ name, from, to: now() })
      }
    },

    moment: (name) => faults.push({ name, from: now() }),

    becomes(wanted, boundSeconds, node) {
      const statusIfWanted = async () => {
        const status = await stack.status(node)
        return status && wanted(status) && status
      }
      return waitFor(statusIfWanted, { boundMs: 1000 * boundSeconds, signal })
    },

    violation: (sentence) => violations.push(sentence),
    note: (sentence) => notes.push(sentence),
  }
}
