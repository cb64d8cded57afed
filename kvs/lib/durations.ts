const unitsInMs = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/** Reads a whole number of ms, s, m or h, such as 500ms, as milliseconds; NaN for any other text. */
export function parseDuration(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([A-Za-z]+)$/.exec(text) ?? []
  return Number(digits) * (unitsInMs.get(unit) ?? Number.NaN)
}
