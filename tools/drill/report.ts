/** Result of one drill: a row of the table, and of the file that `--json` writes. */
export interface Result {
  readonly drill: string
  readonly seed: number
  /** Duration of the drill. */
  readonly seconds: number
  /** Number of acknowledged writes. */
  readonly acknowledged: number
  /** Number of acknowledged writes that are not in the log. */
  readonly lost: number
  /** Number of reads and entries whose bytes are not whole. */
  readonly torn: number
  readonly readsChecked: number
  /** One sentence for each violation. */
  readonly violations: readonly string[]
  readonly secondsWithoutWrites: number
  /** Seconds from the last fault's end until all nodes served; null if they never did or were never unready. */
  readonly secondsUntilReady: number | null
  readonly passed: boolean
  /** Number of faults that were injected. */
  readonly faults: number
}

interface Column {
  readonly heading: string
  readonly text: (row: Result) => string
  readonly numeric: boolean
}

const columns: readonly Column[] = [
  { heading: 'drill', text: (row) => row.drill, numeric: false },
  { heading: 'acknowledged', text: (row) => count(row.acknowledged), numeric: true },
  { heading: 'lost', text: (row) => count(row.lost), numeric: true },
  { heading: 'torn', text: (row) => count(row.torn), numeric: true },
  { heading: 'reads checked', text: (row) => count(row.readsChecked), numeric: true },
  { heading: 'violations', text: (row) => count(row.violations.length), numeric: true },
  { heading: 's without writes', text: (row) => row.secondsWithoutWrites.toFixed(1), numeric: true },
  { heading: 's until ready', text: (row) => row.secondsUntilReady?.toFixed(1) ?? '-', numeric: true },
  { heading: 'verdict', text: (row) => (row.passed ? 'pass' : 'FAIL'), numeric: false },
]

/** Renders a table in plain text, numbers to the right, with the violations of failed drills below it. */
export function renderTable(rows: readonly Result[]): string {
  const cells = rows.map((row) => columns.map(({ text }) => text(row)))
  const headings = columns.map(({ heading }) => heading)
  const widths = columns.map((_, index) => Math.max(...[headings, ...cells].map((line) => line[index]?.length ?? 0)))
  const rule = widths.map((width) => '-'.repeat(width))
  const lines = [headings, rule, ...cells].map((line) => {
    const padded = columns.map(({ numeric }, index) => {
      const cell = line[index] ?? ''
      return numeric ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)
    })
    return padded.join('  ').trimEnd()
  })
  return [...lines, ...rows.filter((row) => row.violations.length > 0).flatMap(describeViolations)].join('\n')
}

function describeViolations({ drill, seed, violations }: Result): string[] {
  const lines = summarize(violations).flatMap((sentence) => sentence.split('\n'))
  return ['', `${drill}, seed ${seed}:`, ...lines.map((line) => `  ${line}`)]
}

/** Returns the first sentences, and how many more there are. */
export function summarize(sentences: readonly string[], most = 10): string[] {
  const rest = sentences.length - most
  return rest > 0 ? [...sentences.slice(0, most), `and ${count(rest)} more`] : [...sentences]
}

/** Renders the same table in Markdown, without the violations. */
export function renderMarkdown(rows: readonly Result[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(columns.map(({ heading }) => heading)),
    line(columns.map(({ numeric }) => (numeric ? '---:' : '---'))),
    ...rows.map((row) => line(columns.map(({ text }) => escapeCell(text(row))))),
  ].join('\n')
}

/** Escapes what would end the cell or the table. */
function escapeCell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')
}

function count(number: number): string {
  return number.toLocaleString('en-US')
}
