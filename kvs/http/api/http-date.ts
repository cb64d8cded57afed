const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const month = `(?<month>${months.join('|')})`
const time = String.raw`(?<hours>[01]\d|2[0-3]):(?<minutes>[0-5]\d):(?<seconds>[0-5]\d|60)`
const day = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const longDay = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)'

/** The three formats that a recipient must take (RFC 9110, 5.6.7): its own, that of RFC 850, and that of asctime. */
const formats = [
  new RegExp(String.raw`^${day}, (?<day>\d\d) ${month} (?<year>\d{4}) ${time} GMT$`),
  new RegExp(String.raw`^${longDay}, (?<day>\d\d)-${month}-(?<year>\d\d) ${time} GMT$`),
  new RegExp(String.raw`^${day} ${month} (?<day>[ \d]\d) ${time} (?<year>\d{4})$`),
]

/**
 * Reads an HTTP date as milliseconds since 1970; undefined for any other text. A year of two digits is the one that is
 * at most 50 years ahead.
 * @param now wall-clock time in milliseconds since 1970
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  for (const format of formats) {
    const parts = format.exec(text.trim())?.groups
    if (parts === undefined) continue
    const [date, hours, minutes, seconds] = [parts.day, parts.hours, parts.minutes, parts.seconds].map(Number)
    const years = fullYear(parts.year ?? '', now)
    const at = Date.UTC(years, months.indexOf(parts.month ?? ''), date, hours, minutes, seconds)
    // A day that the month lacks would be one of the next month.
    return new Date(at).getUTCDate() === date || seconds === 60 ? at : undefined
  }
  return undefined
}

function fullYear(digits: string, now: number): number {
  if (digits.length === 4) return Number(digits)
  const present = new Date(now).getUTCFullYear()
  const year = present - (present % 100) + Number(digits)
  return year > present + 50 ? year - 100 : year
}

/** What was formatted last, by its second: most answers of a moment have few moments in them. */
const formatted = Array.from({ length: 1024 }, () => ({ second: Number.NaN, text: '' }))

/** Writes milliseconds since 1970 as an HTTP date, which has whole seconds. */
export function formatHttpDate(ms: number): string {
  const second = Math.floor(ms / 1000)
  const known = formatted[second & 1023]
  if (known?.second === second) return known.text
  const text = new Date(second * 1000).toUTCString()
  formatted[second & 1023] = { second, text }
  return text
}
