import { makeSeededRandom, type SeededRandom } from '../../../tools/lab/seeded-random.ts'
import { type Lane, makeScheduler, type Scheduler } from '../../../tools/simulator/scheduler.ts'

/** What goes wrong between nodes, and on the way to a log. */
export interface Faults {
  /** Some messages arrive once more, up to half a minute later. */
  readonly repeats: boolean
  /** Some messages take longer than is waited for an answer. */
  readonly delays: boolean
  /** Some appends to a log get no answer, or land long after. */
  readonly losesAppends: boolean
  /** Some nodes apply what their log has with a delay of seconds. */
  readonly lags: boolean
}

/** What all parts of a world go by: virtual time, and chance. */
export interface WorldParts {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  /** Whether a fault strikes now, as it does once in so many times. */
  happens(fault: keyof Faults, oneIn: number): boolean
  /** How long a message is on its way, in milliseconds. */
  latency(): number
  /** Resolves after a while, unless the lane has ended by then. */
  delay(lane: Lane, ms?: number): Promise<void>
}

export function makeWorldParts(seed: number, faults: Partial<Faults> = {}): WorldParts {
  const scheduler = makeScheduler()
  const random = makeSeededRandom(seed, 'ring')
  const latency = () => (parts.happens('delays', 20) ? random.integer(1, 4_000) : random.integer(1, 20))
  const parts: WorldParts = {
    ...{ scheduler, random, latency },
    happens: (fault, oneIn) => faults[fault] === true && random.integer(1, oneIn) === 1,
    delay: (lane, ms = latency()) => new Promise((resolve) => void lane.after(ms, resolve)),
  }
  return parts
}
