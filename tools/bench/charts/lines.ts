import { element, linePath, text } from '../../lab/svg.ts'
import { number } from '../report/text.ts'
import type { Colour } from './theme.ts'
import { linear, logarithmic, type Scale } from './value-scale.ts'

export interface Line {
  readonly label: string
  readonly colour: Colour
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface LinePanel {
  readonly heading: string
  readonly unit: string
  readonly lines: readonly Line[]
  readonly isLogarithmic?: boolean
  readonly top: number
  readonly height: number
}

export const plot = { left: 84, right: 840 } as const

/** Draws lines over time; each is named at its end, with its last value. */
export function drawLines({ heading, unit, lines, isLogarithmic, top, height }: LinePanel, x: Scale): string {
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y > 0)
  const highest = Math.max(...values, Number.MIN_VALUE)
  const bottom = top + height
  const y = isLogarithmic
    ? logarithmic(Math.min(...values, highest), highest, bottom, top)
    : linear(highest, bottom, top, 4)
  const grid = y.ticks.map((tick) => {
    const line = element('path', { d: linePath(plot.left, y.at(tick), plot.right, y.at(tick)), class: 'grid' })
    return (
      line +
      text(plot.left - 8, y.at(tick) + 4, `${tick.toLocaleString('en-US')}${unit}`, {
        class: 'small',
        'text-anchor': 'end',
      })
    )
  })
  const names = placeNames(lines.map(({ points }) => y.at(points.at(-1)?.[1] ?? 0)))
  const drawn = lines.map(({ label, colour, points }, index) => {
    const path = points
      .map(([at, value], place) => `${place === 0 ? 'M' : 'L'}${fixed(x.at(at))} ${fixed(y.at(value))}`)
      .join('')
    const name = `${label} ${number(points.at(-1)?.[1] ?? 0)}${unit}`
    const at = (names[index] ?? bottom) + 4
    return (
      element('path', { d: path, class: `line-${colour}` }) +
      element('rect', { x: plot.right + 8, y: at - 9, width: 10, height: 10, rx: 2, class: colour }) +
      text(plot.right + 23, at, name, { class: 'small' })
    )
  })
  return [text(plot.left, top - 12, heading, { class: 'heading' }), ...grid, ...drawn].join('')
}

export function drawMinutes(x: Scale, top: number, bottom: number): string {
  const lines = x.ticks.map((tick) => linePath(x.at(tick), top, x.at(tick), bottom + 4))
  const labels = x.ticks.map((tick) =>
    text(x.at(tick), bottom + 18, `${Number(tick.toFixed(2))}`, { class: 'small', 'text-anchor': 'middle' }),
  )
  const unit = text((plot.left + plot.right) / 2, bottom + 36, 'minutes', { class: 'small', 'text-anchor': 'middle' })
  return element('path', { d: lines.join(''), class: 'grid' }) + labels.join('') + unit
}

/** Moves down labels that would overlap. */
function placeNames(wanted: readonly number[]): number[] {
  const placed = [...wanted]
  const order = wanted.map((_, index) => index).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0))
  let last = Number.NEGATIVE_INFINITY
  for (const index of order) {
    last = Math.max(wanted[index] ?? 0, last + 15)
    placed[index] = last
  }
  return placed
}

function fixed(value: number): string {
  return value.toFixed(1)
}
