import { element, linePath, text } from '../../lab/svg.ts'
import type { Spread } from '../measure/stats.ts'
import { number } from '../report/text.ts'
import { type Colour, frame } from './theme.ts'
import { linear, logarithmic, type Scale } from './value-scale.ts'

export interface Bar {
  readonly label: string
  readonly colour: Colour
  readonly value: Spread
  /** Note beside the number. */
  readonly note?: string
}

export interface BarPanel {
  readonly heading: string
  readonly unit: string
  readonly bars: readonly Bar[]
  readonly isLogarithmic?: boolean
  /** Position of the panel in pixels. */
  readonly left?: number
  readonly right?: number
}

const rowHeight = 26
const labelWidth = 200
/** Room for the number and its note, right of the longest bar. */
const numberWidth = 150

export function heightOfBars({ bars, isLogarithmic }: BarPanel): number {
  return 30 + bars.length * rowHeight + (isLogarithmic ? 34 : 14)
}

/** Draws horizontal bars with their numbers, and the rounds' range as a whisker. */
export function drawBars(panel: BarPanel, top: number): string {
  const { left = frame.left, right = frame.right, bars, heading, unit } = panel
  const highest = Math.max(...bars.map(({ value }) => value.max))
  const lowest = Math.min(...bars.map(({ value }) => value.min))
  const [from, to] = [left + labelWidth, right - numberWidth]
  const scale = panel.isLogarithmic ? logarithmic(lowest, highest, from, to) : linear(highest, from, to)
  const first = top + 30
  return [
    text(left, top + 14, heading, { class: 'heading' }),
    drawAxis(panel, scale, first - 4, first + bars.length * rowHeight),
    ...bars.map((bar, index) => drawBar(bar, scale, { left, from }, first + index * rowHeight, unit)),
  ].join('')
}

function drawBar(
  { label, colour, value, note }: Bar,
  scale: Scale,
  x: { left: number; from: number },
  y: number,
  unit: string,
) {
  const end = scale.at(value.median)
  const middle = y + 10
  const [least, most] = [scale.at(value.min), scale.at(value.max)]
  const whisker =
    linePath(least, middle, most, middle) +
    linePath(least, middle - 4, least, middle + 4) +
    linePath(most, middle - 4, most, middle + 4)
  const said = `${number(value.median)}${unit}`
  return [
    text(x.left, middle + 4.5, label),
    element('rect', { x: x.from, y, width: Math.max(1.5, end - x.from), height: 20, rx: 3, class: colour }),
    most - least > 3 ? element('path', { d: whisker, class: 'whisker' }) : '',
    element(
      'text',
      { x: Math.max(end, most) + 8, y: middle + 4.5, class: 'over' },
      element('tspan', { class: 'number' }, said) + (note ? element('tspan', { class: 'small', dx: 7 }, note) : ''),
    ),
  ].join('')
}

/** Draws the axis: bars have their numbers, so only a logarithmic one, on which lengths mislead, gets a grid. */
function drawAxis({ isLogarithmic, unit }: BarPanel, scale: Scale, top: number, bottom: number): string {
  const shown = isLogarithmic ? scale.ticks : scale.ticks.slice(0, 1)
  const lines = shown.map((tick) => linePath(scale.at(tick), top, scale.at(tick), bottom)).join('')
  const label = (tick: number) =>
    text(scale.at(tick), bottom + 15, `${tick.toLocaleString('en-US')}${unit}`, {
      class: 'small',
      'text-anchor': 'middle',
    })
  return element('path', { d: lines, class: 'grid' }) + (isLogarithmic ? shown.map(label).join('') : '')
}
