import { roundUp, ticks } from '../../lab/round-numbers.ts'

/** Converts values to pixels along an axis, and lists the values that get a line. */
export interface Scale {
  at(value: number): number
  readonly ticks: readonly number[]
}

/** Makes a linear scale from zero. */
export function linear(highest: number, from: number, to: number, most = 5): Scale {
  const step = roundUp(highest / most)
  const top = step * Math.ceil(highest / step - 1e-9)
  return { at: (value) => from + ((to - from) * Math.min(Math.max(value, 0), top)) / top, ticks: ticks(top, most) }
}

/** Makes a logarithmic scale, from a power of ten below the lowest value to one above the highest. */
export function logarithmic(lowest: number, highest: number, from: number, to: number): Scale {
  const first = Math.floor(Math.log10(lowest) - 1e-9)
  const last = Math.max(first + 1, Math.ceil(Math.log10(highest) - 1e-9))
  const share = (value: number) => (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first)
  return {
    at: (value) => from + (to - from) * Math.min(share(value), 1),
    ticks: Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index)),
  }
}
