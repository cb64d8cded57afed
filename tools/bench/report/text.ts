import type { Spread } from '../measure/stats.ts'

/** Formats a number with three digits, all that a benchmark knows: 38,120 or 1.4 or 0.083. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}

/** Formats a median, with the range in brackets. */
export function spread(of: Spread | undefined, unit = ''): string {
  if (of === undefined) return 'not measured'
  return `${number(of.median)}${unit} (${number(of.min)}–${number(of.max)})`
}

export function ratio(value: number): string {
  return `${value.toFixed(2)} ×`
}

export function ratioSpread(of: Spread | undefined): string {
  if (of === undefined) return 'not measured'
  return `${ratio(of.median)} (${of.min.toFixed(2)}–${of.max.toFixed(2)})`
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

export function mebibytes(bytes: number): string {
  return `${number(bytes / 1024 ** 2)} MiB`
}

export interface Column {
  readonly heading: string
  readonly numeric?: boolean
}

/** Renders a table in plain text, numbers to the right. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const headings = columns.map(({ heading }) => heading)
  const widths = columns.map((_, index) => Math.max(...[headings, ...rows].map((row) => row[index]?.length ?? 0)))
  const rule = widths.map((width) => '-'.repeat(width))
  return [headings, rule, ...rows]
    .map((row) =>
      columns
        .map(({ numeric }, index) => {
          const cell = row[index] ?? ''
          return numeric ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Breaks prose for Markdown into lines of at most 160 characters. */
export function wrapProse(text: string): string {
  return text.replaceAll(/(?=.{161})(.{1,160}) /g, '$1\n')
}

/** Renders the same in Markdown. */
export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(columns.map(({ heading }) => heading)),
    `|${columns.map(({ numeric }) => (numeric ? '---:' : '---')).join('|')}|`,
    ...rows.map((row) => line(row.map((cell) => cell.replaceAll('|', '\\|')))),
  ].join('\n')
}
