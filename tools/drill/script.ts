import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../lab/seeded-random.ts'
import type { Fault } from './history.ts'

/** Collects what happens during a drill, apart from what its clients see. */
export interface Notebook {
  readonly faults: Fault[]
  readonly violations: string[]
  readonly notes: string[]
}

/** What every drill's script works with. Everything that waits rejects when the drill is aborted. */
export interface Script {
  readonly random: SeededRandom
  readonly signal: AbortSignal
  /** Returns the remaining seconds of the faulty phase; 0 when it is over. */
  left(): number
  /** Sleeps for a random time between two numbers of seconds. */
  pause(from: number, to: number): Promise<void>
  /** Records a fault that lasts as long as the body runs. */
  lasting<T>(name: string, body: () => Promise<T>): Promise<T>
  /** Records a fault without a duration. */
  moment(name: string): void
  /** Records a violation: the drill fails, and goes on. */
  violation(sentence: string): void
  /** Records a sentence for below the table. */
  note(sentence: string): void
}

export interface ScriptOptions extends Pick<Script, 'random' | 'signal'> {
  readonly notebook: Notebook
  /** Milliseconds since the drill began. */
  readonly now: () => number
  /** End of the faulty phase on the same clock. */
  readonly deadline: () => number
}

export function makeScript({ notebook, now, deadline, random, signal }: ScriptOptions): Script {
  const { faults, violations, notes } = notebook
  return {
    ...{ random, signal },
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

    moment: (name) => void faults.push({ name, from: now() }),
    violation: (sentence) => void violations.push(sentence),
    note: (sentence) => void notes.push(sentence),
  }
}

/** Runs a step. Its failure is recorded as a violation, unless the drill is being aborted. */
export async function attempt(
  { signal, violation }: Pick<Script, 'signal' | 'violation'>,
  what: string,
  step: () => Promise<void>,
): Promise<void> {
  try {
    await step()
  } catch (error) {
    signal.throwIfAborted()
    violation(`${what} broke off: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Injects one fault after another, at least one, until the time is over. */
export async function repeatFaults(
  { left, pause }: Script,
  fault: () => Promise<void>,
  tell: (secondsLeft: number) => void,
): Promise<void> {
  const telling = setInterval(() => tell(Math.round(left())), 1_000)
  tell(Math.round(left()))
  try {
    await pause(0.5, 1)
    do {
      await fault()
      await pause(0.2, 2)
    } while (left() > 0)
  } finally {
    clearInterval(telling)
  }
}
