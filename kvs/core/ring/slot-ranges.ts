import { slotCount } from './key-slot.ts'

/** Slots from `from` through `through`. */
export interface SlotRange {
  readonly from: number
  readonly through: number
}

/** Sorted, with a gap between any two. */
export type SlotRanges = readonly SlotRange[]

export const allSlots: SlotRanges = [{ from: 0, through: slotCount - 1 }]

export function hasSlot(ranges: SlotRanges, slot: number): boolean {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle] as SlotRange).through < slot) low = middle + 1
    else high = middle
  }
  const found = ranges[low]
  return found !== undefined && found.from <= slot
}

export function countSlots(ranges: SlotRanges): number {
  return ranges.reduce((sum, { from, through }) => sum + through - from + 1, 0)
}

export function isSameSlots(one: SlotRanges, other: SlotRanges): boolean {
  return formatRanges(one) === formatRanges(other)
}

export function slotsInBoth(one: SlotRanges, other: SlotRanges): SlotRanges {
  const both: SlotRange[] = []
  for (let [at, otherAt] = [0, 0]; ; ) {
    const [range, otherRange] = [one[at], other[otherAt]]
    if (range === undefined || otherRange === undefined) return joined(both)
    const from = Math.max(range.from, otherRange.from)
    const through = Math.min(range.through, otherRange.through)
    if (from <= through) both.push({ from, through })
    if (range.through < otherRange.through) at++
    else otherAt++
  }
}

/** The slots of the first that the second lacks. */
export function slotsWithout(one: SlotRanges, other: SlotRanges): SlotRanges {
  return slotsInBoth(one, gapsOf(other))
}

/** All slots but those of the ranges. */
function gapsOf(ranges: SlotRanges): SlotRanges {
  const starts = [0, ...ranges.map(({ through }) => through + 1)]
  const ends = [...ranges.map(({ from }) => from - 1), slotCount - 1]
  return starts.flatMap((from, index) => {
    const through = ends[index] as number
    return from <= through ? [{ from, through }] : []
  })
}

/** @param ranges sorted and disjoint */
export function joined(ranges: SlotRanges): SlotRanges {
  const result: SlotRange[] = []
  for (const range of ranges) {
    const last = result.at(-1)
    if (last !== undefined && last.through + 1 === range.from)
      result[result.length - 1] = { ...last, ...through(range) }
    else result.push(range)
  }
  return result
}

/** The slots of any of these, which have none in common. */
export function joinedAll(parts: readonly SlotRanges[]): SlotRanges {
  return joined(parts.flat().toSorted((one, other) => one.from - other.from))
}

const through = ({ through }: SlotRange) => ({ through })

/** `0-2999,8001-9999`; empty for none. */
export function formatRanges(ranges: SlotRanges): string {
  return ranges.map(({ from, through }) => `${from}-${through}`).join(',')
}

/** Reads what `formatRanges` has made; undefined for anything else. */
export function rangesInText(text: string): SlotRanges | undefined {
  const ranges: SlotRange[] = []
  for (const part of text === '' ? [] : text.split(',')) {
    const [, from, through] = /^(\d{1,4})-(\d{1,4})$/.exec(part) ?? []
    const range = { from: Number(from), through: Number(through) }
    if (from === undefined || range.from > range.through || range.from <= (ranges.at(-1)?.through ?? -1))
      return undefined
    ranges.push(range)
  }
  return ranges
}
