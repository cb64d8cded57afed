import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Lane } from '../scheduler.ts'
import type { RingServer } from './ring-network.ts'

/** Requests between members that arrive twice. */
export interface Repeats {
  /**
   * Takes note of a request. It may be done once more, by whoever is reached then, whether or not it was done; nobody
   * gets the answer.
   */
  note(
    from: number,
    to: number,
    reached: () => RingServer | undefined,
    act: (server: RingServer) => Promise<unknown>,
  ): void
  /** Has some of what one member asks another one arrive twice. Returns what takes that back, also for what is due. */
  putOn(from: number, to: number): () => void
}

export interface RepeatsOptions {
  readonly lane: Lane
  readonly random: SeededRandom
}

const longestMs = 8_000

export function makeRepeats({ lane, random }: RepeatsOptions): Repeats {
  const put = new Set<{ readonly from: number; readonly to: number }>()

  return {
    note(from, to, reached, act) {
      const fault = [...put].find((one) => one.from === from && one.to === to)
      if (fault === undefined || !random.chance(0.3)) return
      lane.after(random.between(10, longestMs), () => {
        const server = put.has(fault) ? reached() : undefined
        server?.lane.after(0, () => void act(server).catch(() => undefined))
      })
    },
    putOn(from, to) {
      const fault = { from, to }
      put.add(fault)
      return () => void put.delete(fault)
    },
  }
}
