import { roundUp, ticks } from '../../lab/round-numbers.ts'
import { boxPath, element, linePath, text } from '../../lab/svg.ts'
import { type Buckets, type Kind, kinds } from './buckets.ts'
import { frame, largest, type TimeScale } from './time-scale.ts'

export interface Panel {
  readonly heading: string
  readonly top: number
  readonly height: number
}

/** Draws the answers of each kind a second as bars. */
export function drawRates({ length, all }: Buckets, scale: TimeScale, panel: Panel, done: 'write' | 'read'): string {
  const perSecond = 1000 / length
  const totals = all.map(({ counts }) => kinds.reduce((sum, kind) => sum + counts[kind], 0) * perSecond)
  const highest = largest(totals, 1)
  const top = Math.max(roundUp(highest / 4) * Math.ceil(highest / roundUp(highest / 4)), 1)
  const y = (rate: number) => panel.top + panel.height * (1 - rate / top)
  const paths: Record<Kind, string> = { done: '', spooled: '', refused: '', open: '', torn: '' }
  for (const { from, counts } of all) {
    const left = scale.x(from)
    const width = Math.max(0.5, scale.x(from + length) - left - (all.length > 120 ? 0.6 : 1))
    let below = 0
    for (const kind of kinds) {
      if (counts[kind] === 0) continue
      const above = below + counts[kind] * perSecond
      // What happened once must show beside thousands.
      const height = Math.max(2.5, y(below) - y(above))
      paths[kind] += boxPath(left, y(below) - height, width, height)
      below = above
    }
  }
  const bars = kinds.map((kind) =>
    paths[kind] === '' ? '' : element('path', { d: paths[kind], class: kind === 'done' ? done : kind }),
  )
  const grid = ticks(top, 4).map((rate) => gridLine(y(rate), rate.toLocaleString('en-US')))
  return heading(panel) + grid.join('') + bars.join('')
}

/** Draws the range and the median of each bucket's latencies on a logarithmic scale. */
export function drawLatencies({ length, all }: Buckets, scale: TimeScale, panel: Panel): string {
  const latencies = all.flatMap(({ from, latency }) => (latency ? { from, ...latency } : []))
  const floor = 0.1
  const lowest = Math.min(...latencies.map(({ shortest }) => Math.max(shortest, floor)), 1)
  const from = Math.floor(Math.log10(lowest))
  const to = Math.max(
    from + 2,
    Math.ceil(
      Math.log10(
        largest(
          latencies.map(({ longest }) => longest),
          1,
        ),
      ),
    ),
  )
  const y = (ms: number) => panel.top + panel.height * (1 - (Math.log10(Math.max(ms, floor)) - from) / (to - from))
  let ranges = ''
  let medians = ''
  for (const { from: at, shortest, median, longest } of latencies) {
    const left = scale.x(at)
    const width = Math.max(0.5, scale.x(at + length) - left - 0.6)
    ranges += boxPath(left, y(longest), width, Math.max(1, y(shortest) - y(longest)))
    medians += boxPath(left, y(median) - 1, width, 2)
  }
  const grid = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index))
  return (
    heading(panel) +
    grid.map((ms) => gridLine(y(ms), ms < 1000 ? `${Number(ms.toPrecision(1))} ms` : `${ms / 1000} s`)).join('') +
    element('path', { d: ranges, class: 'range' }) +
    element('path', { d: medians, class: 'median' })
  )
}

/** Draws the axis of seconds below all panels. */
export function drawTimeAxis(scale: TimeScale, top: number, bottom: number): string {
  const all = ticks(scale.duration / 1000, 12)
  const lines = all.map((second) => linePath(scale.x(second * 1000), top, scale.x(second * 1000), bottom + 4))
  const labels = all.map((second) =>
    text(scale.x(second * 1000), bottom + 18, `${Number(second.toFixed(3))}`, {
      class: 'small',
      'text-anchor': 'middle',
    }),
  )
  const unit = text((frame.left + frame.right) / 2, bottom + 36, 'seconds', { class: 'small', 'text-anchor': 'middle' })
  return element('path', { d: lines.join(''), class: 'grid' }) + labels.join('') + unit
}

function heading(panel: Panel): string {
  return text(frame.left, panel.top - 8, panel.heading, { class: 'heading' })
}

function gridLine(y: number, label: string): string {
  const line = element('path', { d: linePath(frame.left, y, frame.right, y), class: 'grid' })
  return line + text(frame.left - 8, y + 3.5, label, { class: 'small', 'text-anchor': 'end' })
}
