import type { KeyMover, RingLog } from '../../../kvs/log/index.ts'
import type { MemberClient, OwnNode } from '../../../kvs/ring/index.ts'
import { makeSeededRandom, type SeededRandom } from '../../../tools/lab/seeded-random.ts'
import { type Lane, makeScheduler, type Scheduler } from '../../../tools/simulator/scheduler.ts'
import type { LogEntry, WorldLog } from './world-log.ts'

/** What goes wrong between nodes, and on the way to a log. */
export interface Faults {
  /** Some messages arrive once more, up to half a minute later. */
  readonly repeats: boolean
  /** Some messages take longer than is waited for an answer. */
  readonly delays: boolean
  /** Some requests are done, and their answers never come. */
  readonly losesAnswers: boolean
  /** Some appends to a log get no answer, or land long after. */
  readonly losesAppends: boolean
  /** Some nodes apply what their log has with a delay of seconds. */
  readonly lags: boolean
  /** Some writes that nodes had in their spools come to logs as superseded ones. */
  readonly supersedes: boolean
}

/** Puts a broken part in the place of one of the world's own, to show that the checker finds what that breaks. */
export interface Plants {
  readonly ringLog?: (ringLog: RingLog) => RingLog
  readonly mover?: (mover: KeyMover, log: WorldLog, parts: WorldParts) => KeyMover
  readonly node?: (node: OwnNode) => OwnNode
  /** What a node asks another member for. */
  readonly member?: (client: MemberClient) => MemberClient
  /** Returns what a log has when one of its nodes starts. */
  readonly restart?: (log: WorldLog) => readonly LogEntry[]
  /** Called after each entry on the ring that a log has taken. */
  readonly bound?: (log: WorldLog, parts: WorldParts) => void
  /** Whether a node writes whatever it is passed on by another node, without looking whether it owns the key. */
  readonly trustsSenders?: boolean
}

/** What all parts of a world go by: virtual time, and chance. */
export interface WorldParts {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly plants: Plants
  /** Nothing goes wrong as long as this is set. */
  isCalm: boolean
  has(fault: keyof Faults): boolean
  /** Whether a fault strikes now, as it does once in so many times. */
  happens(fault: keyof Faults, oneIn: number): boolean
  /** How long a message is on its way, in milliseconds. */
  latency(): number
  /** Resolves after a while, unless the lane has ended by then. */
  delay(lane: Lane, ms?: number): Promise<void>
}

export function makeWorldParts(seed: number, faults: Partial<Faults>, plants: Plants): WorldParts {
  const scheduler = makeScheduler()
  const random = makeSeededRandom(seed, 'ring')
  const has = (fault: keyof Faults) => faults[fault] === true
  const latency = () => (parts.happens('delays', 20) ? random.integer(1, 4_000) : random.integer(1, 20))
  const parts: WorldParts = {
    ...{ scheduler, random, plants, isCalm: false, has, latency },
    happens: (fault, oneIn) => has(fault) && !parts.isCalm && random.integer(1, oneIn) === 1,
    delay: (lane, ms = latency()) => new Promise((resolve) => void lane.after(ms, resolve)),
  }
  return parts
}
