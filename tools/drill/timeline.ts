import { boxPath, element, escapeXml, text } from '../lab/svg.ts'
import type { History } from './history.ts'
import { fillBuckets } from './timeline/buckets.ts'
import { layOutFaults } from './timeline/faults.ts'
import { drawLatencies, drawRates, drawTimeAxis } from './timeline/panels.ts'
import { frame, largest, makeTimeScale } from './timeline/time-scale.ts'

export interface TimelineOptions {
  readonly title: string
  readonly history: Pick<History, 'operations' | 'faults'>
}

/** Colours of Okabe & Ito, "Color universal design" (2008), which people who see fewer colours can tell apart. */
const legend = [
  ['write', '#009e73', 'write committed (200, 201)'],
  ['spooled', '#e69f00', 'write spooled (202)'],
  ['read', '#56b4e9', 'read (200, 404)'],
  ['refused', '#d55e00', 'refused (412, 503, no connection)'],
  ['open', '#9b6fb0', 'no answer, or undecided'],
  ['torn', '#000000', 'torn'],
] as const

const style = `
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#22272e}
.title{font-size:20px;font-weight:600}.heading{font-size:12px;font-weight:600}.small{font-size:11px;fill:#57606a}
.fault{fill:#cf222e;fill-opacity:.22}.fault-label{font-size:11px;font-weight:600;fill:#82071e}
.shade{fill:#cf222e;fill-opacity:.07}.instant{stroke:#cf222e;stroke-opacity:.55;stroke-dasharray:3 3}.instants{stroke:#cf222e;stroke-opacity:.12}
.heading,.fault-label,.small{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-opacity:.8}
.grid{stroke:#d0d7de;stroke-width:.8;fill:none}.range{fill:#8c959f;fill-opacity:.38}.median{fill:#1f2937}
${legend.map(([name, colour]) => `.${name}{fill:${colour}}`).join('')}
`

/**
 * A picture of a drill, as an SVG that needs nothing beside it: the faults over time, the answers to writes and reads
 * by kind, and how long these took. Its size does not grow with the number of operations, and hardly with that of
 * faults.
 */
export function drawTimeline({ title, history }: TimelineOptions): string {
  const { operations, faults } = fromFirst(history)
  const ends = [...operations.map(({ returned }) => returned), ...faults.map(({ from, to }) => to ?? from)]
  const scale = makeTimeScale(largest(ends, 1000))
  const writes = operations.filter(({ kind }) => kind !== 'get')
  const reads = operations.filter(({ kind }) => kind === 'get')
  const writeBuckets = fillBuckets(writes, scale.duration)
  const readBuckets = fillBuckets(reads, scale.duration)

  const band = layOutFaults(faults, scale, 88)
  const top = 88 + band.height + 34
  const panel = (index: number, heading: string) => ({ heading, top: top + index * 148, height: 108 })
  const bottom = top + 3 * 148 + 108
  const height = bottom + 50
  const bucket = writeBuckets.length < 1000 ? `${writeBuckets.length} ms` : `${writeBuckets.length / 1000} s`

  const parts = [
    element('title', {}, escapeXml(title)),
    element('style', {}, style),
    element('path', { d: boxPath(0, 0, frame.width, height), fill: '#ffffff' }),
    text(frame.left, 34, title, { class: 'title' }),
    text(frame.right, 34, summary(operations.length, writes.length, faults.length, scale.duration), {
      class: 'small',
      'text-anchor': 'end',
    }),
    drawLegend(62),
    band.draw(88, bottom),
    band.labels,
    drawTimeAxis(scale, top, bottom),
    drawRates(writeBuckets, scale, panel(0, `Writes: answers a second (bars of ${bucket})`), 'write'),
    drawLatencies(
      writeBuckets,
      scale,
      panel(1, 'Writes: time to an acknowledgement (median, and shortest to longest)'),
    ),
    drawRates(readBuckets, scale, panel(2, 'Reads: answers a second'), 'read'),
    drawLatencies(readBuckets, scale, panel(3, 'Reads: time to an answer (median, and shortest to longest)')),
  ]
  const size = { width: frame.width, height, viewBox: `0 0 ${frame.width} ${height}`, role: 'img' }
  return `${element('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size }, parts.join('\n'))}\n`
}

/** Shifts all times so that they begin with the first operation or fault, not with the start of the stack. */
function fromFirst({ operations, faults }: TimelineOptions['history']): TimelineOptions['history'] {
  let first = Number.POSITIVE_INFINITY
  for (const { invoked } of operations) first = Math.min(first, invoked)
  for (const { from } of faults) first = Math.min(first, from)
  return {
    operations: operations.map((o) => ({ ...o, invoked: o.invoked - first, returned: o.returned - first })),
    faults: faults.map((f) => ({ ...f, from: f.from - first, ...(f.to !== undefined && { to: f.to - first }) })),
  }
}

function summary(operations: number, writes: number, faults: number, duration: number): string {
  const [w, r] = [writes, operations - writes].map((count) => count.toLocaleString('en-US'))
  return `${w} writes, ${r} reads, ${faults} ${faults === 1 ? 'fault' : 'faults'} in ${(duration / 1000).toFixed(1)} s`
}

function drawLegend(y: number): string {
  let x: number = frame.left
  return legend
    .map(([name, , label]) => {
      const box = element('rect', { x, y: y - 9, width: 11, height: 11, rx: 2, class: name })
      const words = text(x + 16, y, label, { class: 'small' })
      x += 40 + label.length * 6.1
      return box + words
    })
    .join('')
}
