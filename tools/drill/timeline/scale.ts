/** Left and right edge of the panels, in pixels. */
export const frame = { width: 1200, left: 72, right: 1180 } as const

/** Converts milliseconds since the drill began to pixels. */
export interface TimeScale {
  readonly duration: number
  x(milliseconds: number): number
}

export function makeTimeScale(duration: number): TimeScale {
  const perMillisecond = (frame.right - frame.left) / duration
  return { duration, x: (time) => frame.left + Math.min(Math.max(time, 0), duration) * perMillisecond }
}

/** Returns the smallest of 1, 2, 5, 10, 20 … that is at least a number. */
export function roundUp(least: number): number {
  const decade = 10 ** Math.floor(Math.log10(least))
  return ([1, 2, 5].find((step) => step * decade >= least * (1 - 1e-9)) ?? 10) * decade
}

/** Returns round numbers from 0 up to a number, with at most so many steps. */
export function ticks(highest: number, most: number): number[] {
  const step = roundUp(highest / most)
  return Array.from({ length: Math.floor(highest / step + 1e-9) + 1 }, (_, index) => index * step)
}

export function largest(numbers: Iterable<number>, least: number): number {
  let most = least
  for (const number of numbers) if (number > most) most = number
  return most
}
