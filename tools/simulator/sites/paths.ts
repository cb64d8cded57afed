import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Lane } from '../scheduler.ts'

/** The ways between sites, each in one direction. */
export interface Paths {
  /** Resolves when what is sent now has arrived: what is cut off is sent again until it arrives. */
  cross(from: number, to: number): Promise<void>
  isCut(from: number, to: number): boolean
  /** Nothing arrives until the returned function is called. */
  cut(from: number, to: number): () => void
  /** Everything takes fifty times as long until the returned function is called. */
  slow(from: number, to: number): () => void
}

export interface PathsOptions {
  readonly lane: Lane
  readonly random: SeededRandom
  /** Mean time of a way, in milliseconds. */
  readonly meanMs: number
}

interface Path {
  cuts: number
  slows: number
  readonly waiting: Set<() => void>
}

const slowness = 50
/** The longest pause before something is sent again, in milliseconds. */
const resendMs = 1_000

export function makePaths({ lane, random, meanMs }: PathsOptions): Paths {
  const paths = new Map<string, Path>()

  function pathOf(from: number, to: number): Path {
    const name = `${from} to ${to}`
    const path = paths.get(name) ?? { cuts: 0, slows: 0, waiting: new Set() }
    paths.set(name, path)
    return path
  }

  return {
    cross(from, to) {
      const path = pathOf(from, to)
      return new Promise((resolve) => {
        const arrive = () => {
          if (path.cuts === 0) resolve()
          else path.waiting.add(() => lane.after(random.between(0, resendMs), arrive))
        }
        lane.after(random.between(0.5, 1.5) * meanMs * (path.slows > 0 ? slowness : 1), arrive)
      })
    },
    isCut: (from, to) => pathOf(from, to).cuts > 0,
    cut(from, to) {
      const path = pathOf(from, to)
      path.cuts++
      return () => {
        path.cuts--
        if (path.cuts > 0) return
        const waiting = [...path.waiting]
        path.waiting.clear()
        for (const again of waiting) again()
      }
    },
    slow(from, to) {
      const path = pathOf(from, to)
      path.slows++
      return () => {
        path.slows--
      }
    },
  }
}
