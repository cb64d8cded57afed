import { roundUp, ticks } from '../../drill/timeline/scale.ts'

/** From a value to pixels along an axis, with the values that get a line. */
export interface Scale {
  at(value: number): number
  readonly ticks: readonly number[]
}

/** From zero. */
export function linear(highest: number, from: number, to: number, most = 5): Scale {
  const step = roundUp(highest / most)
  const top = step * Math.ceil(highest / step - 1e-9)
  return { at: (value) => from + ((to - from) * Math.min(Math.max(value, 0), top)) / top, ticks: ticks(top, most) }
}

/** From a power of ten below the lowest to one above the highest; for what spans more than a picture has room for. */
export function logarithmic(lowest: number, highest: number, from: number, to: number): Scale {
  const first = Math.floor(Math.log10(lowest) - 1e-9)
  const last = Math.max(first + 1, Math.ceil(Math.log10(highest) - 1e-9))
  const share = (value: number) => (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first)
  return {
    at: (value) => from + (to - from) * Math.min(share(value), 1),
    ticks: Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index)),
  }
}
