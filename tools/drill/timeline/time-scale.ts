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

export function largest(numbers: Iterable<number>, least: number): number {
  let most = least
  for (const number of numbers) if (number > most) most = number
  return most
}
