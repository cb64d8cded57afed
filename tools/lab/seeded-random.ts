/** Randomness that can be repeated: the same seed and label give the same numbers. */
export interface SeededRandom {
  /** Returns a number from 0, below 1. */
  next(): number
  between(from: number, below: number): number
  /** Returns a whole number; both ends are included. */
  integer(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  /** Returns an independent sequence, so that one user does not shift another's numbers. */
  fork(label: string): SeededRandom
}

/** mulberry32, seeded with FNV-1a of seed and label. */
export function makeSeededRandom(seed: number, label: string): SeededRandom {
  let state = 0x811c9dc5
  for (const byte of Buffer.from(`${seed}/${label}`)) state = Math.imul(state ^ byte, 0x01000193)

  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  return {
    next,
    between: (from, below) => from + next() * (below - from),
    integer: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      const index = Math.floor(next() * list.length)
      if (index >= list.length) throw new Error('nothing to pick from')
      return list[index] as T
    },
    fork: (fork) => makeSeededRandom(seed, `${label}/${fork}`),
  }
}
