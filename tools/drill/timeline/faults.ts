import { boxPath, element, escapeXml, linePath, text } from '../../lab/svg.ts'
import type { Fault } from '../history.ts'
import { frame, type TimeScale } from './time-scale.ts'

const laneHeight = 19
const mostLanes = 6
/** Width of a character of the bold labels in pixels, rounded up. */
const letterWidth = 6.9

interface Placed {
  readonly fault: Fault
  readonly left: number
  readonly right: number
  readonly label: string
  readonly before: boolean
  readonly lane: number
}

export interface FaultBand {
  readonly height: number
  /** Labels, in lanes so that none overlaps another. */
  readonly labels: string
  /** Shades and lines through all panels below. */
  draw(top: number, bottom: number): string
}

/** @param top of the lanes, in pixels */
export function layOutFaults(faults: readonly Fault[], scale: TimeScale, top: number): FaultBand {
  const { placed, unlabelled } = placeLabels(faults, scale)
  const lanes = Math.max(0, ...placed.map(({ lane }) => lane + 1)) + (unlabelled > 0 ? 1 : 0)
  const labels = placed.map(({ fault, left, right, label, before, lane }) => {
    const y = top + lane * laneHeight
    const width = fault.to === undefined ? 3 : Math.max(3, right - left)
    const box = element('rect', { x: left, y: y + 1, width, height: laneHeight - 4, rx: 2, class: 'fault' })
    const title = element('title', {}, escapeXml(fault.name))
    const anchor = before ? { 'text-anchor': 'end' } : {}
    const words = text(before ? left - 5 : left + 7, y + 12, label, { class: 'fault-label', ...anchor })
    return element('g', {}, title + box + words)
  })
  if (unlabelled > 0) {
    const y = top + (lanes - 1) * laneHeight + 12
    labels.push(
      text(frame.left, y, `and ${unlabelled.toLocaleString('en-US')} more faults, marked by lines only`, {
        class: 'small',
      }),
    )
  }
  return {
    height: lanes * laneHeight,
    labels: labels.join(''),
    draw: (from, bottom) => drawMarks(faults, scale, from, bottom),
  }
}

function placeLabels(faults: readonly Fault[], scale: TimeScale): { placed: Placed[]; unlabelled: number } {
  const laneEnds: number[] = []
  const placed: Placed[] = []
  for (const fault of faults.toSorted((a, b) => a.from - b.from)) {
    const left = scale.x(fault.from)
    const right = scale.x(fault.to ?? fault.from)
    const most = Math.floor((frame.right - frame.left) / 2 / letterWidth)
    const label = fault.name.length > most ? `${fault.name.slice(0, most - 1)}…` : fault.name
    const width = label.length * letterWidth
    // Near the right edge a label stands before its mark instead of after it.
    const before = left + 7 + width > frame.right
    const start = (before ? left - 5 - width : left) - 4
    const free = laneEnds.findIndex((end) => end <= start)
    const lane = free < 0 ? laneEnds.length : free
    if (lane >= mostLanes) continue
    laneEnds[lane] = Math.max(right, before ? left : left + 7 + width) + 4
    placed.push({ fault, left, right, label, before, lane })
  }
  return { placed, unlabelled: faults.length - placed.length }
}

function drawMarks(faults: readonly Fault[], scale: TimeScale, top: number, bottom: number): string {
  // One line a pixel is as much as can be seen.
  const marks = new Set(faults.filter(({ to }) => to === undefined).map(({ from }) => Math.round(scale.x(from))))
  const spans = new Set(
    faults.flatMap(({ from, to }) =>
      to === undefined ? [] : `${Math.round(scale.x(from))} ${Math.round(scale.x(to))}`,
    ),
  )
  const shades = [...spans].map((span) => {
    const [left = 0, right = 0] = span.split(' ').map(Number)
    return boxPath(left, top, Math.max(1, right - left), bottom - top)
  })
  const lines = [...marks].map((x) => linePath(x, top, x, bottom))
  return (
    element('path', { d: shades.join(''), class: 'shade' }) +
    element('path', { d: lines.join(''), class: marks.size > 60 ? 'instants' : 'instant' })
  )
}
