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
