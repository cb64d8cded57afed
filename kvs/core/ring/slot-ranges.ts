import { slotCount } from './key-slot.ts'

/** Slots from `from` through `through`. */
export interface SlotRange {
  readonly from: number
  readonly through: number
}

/** Sorted, with a gap between any two. */
export type SlotRanges = readonly SlotRange[]

export const allSlots: SlotRanges = [{ from: 0, through: slotCount - 1 }]
export const noSlots: SlotRanges = []

export function hasSlot(ranges: SlotRanges, slot: number): boolean {
  return ranges.some(({ from, through }) => from <= slot && slot <= through)
}

export function countSlots(ranges: SlotRanges): number {
  return ranges.reduce((sum, { from, through }) => sum + through - from + 1, 0)
}

export function isSameSlots(one: SlotRanges, other: SlotRanges): boolean {
  return formatRanges(one) === formatRanges(other)
}

export function slotsInBoth(one: SlotRanges, other: SlotRanges): SlotRanges {
  return slotsWhere((slot) => hasSlot(one, slot) && hasSlot(other, slot), [...one, ...other])
}

/** The slots of the first that the second lacks. */
export function slotsWithout(one: SlotRanges, other: SlotRanges): SlotRanges {
  return slotsWhere((slot) => hasSlot(one, slot) && !hasSlot(other, slot), [...one, ...other])
}

/** @param bounds ranges between whose ends `isIn` says the same of all slots */
function slotsWhere(isIn: (slot: number) => boolean, bounds: SlotRanges): SlotRanges {
  const starts = new Set([0, ...bounds.flatMap(({ from, through }) => [from, through + 1])])
  const sorted = [...starts].filter((start) => start < slotCount).sort((one, other) => one - other)
  return joined(
    sorted.flatMap((from, index) => (isIn(from) ? [{ from, through: (sorted[index + 1] ?? slotCount) - 1 }] : [])),
  )
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
