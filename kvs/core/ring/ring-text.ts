import type { LostMember, Positions, Ring, RingEntry } from './description.ts'
import { sortedPositions } from './description.ts'
import { slotCount } from './key-slot.ts'
import type { SlotRange, SlotRanges } from './slot-ranges.ts'

/** A ring as a JSON object. */
export function ringJson(ring: Ring): object {
  const { id, version, home, positions, next, standbys, joining, lost = [] } = ring
  const change = next === undefined ? { next: null } : { next: positionsJson(next), joining: joining ?? [] }
  const lostJson = lost.length > 0 && { lost: lost.map(({ address, after, version }) => ({ address, after, version })) }
  return { id, version, home, positions: positionsJson(positions), ...change, standbys, ...lostJson }
}

/** Reads what `ringJson` has made; undefined for anything else. */
export function ringIn(value: unknown): Ring | undefined {
  if (!isRecord(value)) return undefined
  const { id, version, home, standbys } = value
  const positions = positionsIn(value.positions)
  const next = value.next === null ? null : positionsIn(value.next)
  if (typeof id !== 'string' || !/^[0-9a-f]{1,64}$/.test(id) || typeof home !== 'string') return undefined
  const lost = value.lost === undefined ? [] : lostIn(value.lost)
  if (!isVersion(version) || positions === undefined || next === undefined) return undefined
  if (!areTexts(standbys) || lost === undefined) return undefined
  const before = lost.length > 0 && { lost }
  const settled = { id, version, home, positions, next: undefined, standbys, ...before }
  if (next === null) return settled
  return areTexts(value.joining) ? { ...settled, next, joining: value.joining } : undefined
}

function lostIn(value: unknown): readonly LostMember[] | undefined {
  if (!Array.isArray(value)) return undefined
  const lost: LostMember[] = []
  for (const one of value) {
    const { address, after, version } = isRecord(one) ? one : {}
    if (typeof address !== 'string' || !isVersion(after) || !isVersion(version)) return undefined
    lost.push({ address, after, version })
  }
  return lost
}

const isVersion = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1

/** `{"3000":"10.0.0.2:5000"}`, by position. */
export function positionsJson(positions: Positions): Record<string, string> {
  return Object.fromEntries(sortedPositions(positions).map((position) => [position, positions.get(position) as string]))
}

/** Reads what `positionsJson` has made; undefined for anything else. */
export function positionsIn(value: unknown): Positions | undefined {
  if (!isRecord(value)) return undefined
  const positions = new Map<number, string>()
  for (const [text, address] of Object.entries(value)) {
    const position = positionIn(text)
    if (position === undefined || typeof address !== 'string') return undefined
    positions.set(position, address)
  }
  return positions
}

/** A position in decimal digits, from 0 to the highest slot; undefined for any other text. */
export function positionIn(text: string): number | undefined {
  return /^(0|[1-9]\d{0,3})$/.test(text) && Number(text) < slotCount ? Number(text) : undefined
}

/** An entry as its log has it: in place of a key, as text. */
export function formatRingEntry({ ring, self, owns, keeps = [] }: RingEntry): string {
  const pairs = (ranges: SlotRanges) => ranges.map(({ from, through }) => [from, through])
  const kept = keeps.length > 0 && { keeps: pairs(keeps) }
  return JSON.stringify({ ring: ringJson(ring), self, owns: pairs(owns), ...kept })
}

/** Reads what `formatRingEntry` has made; undefined for anything else. */
export function ringEntryIn(text: string): RingEntry | undefined {
  const value = parsed(text)
  if (!isRecord(value)) return undefined
  const ring = ringIn(value.ring)
  const owns = rangesIn(value.owns)
  const keeps = rangesIn(value.keeps ?? [])
  const { self } = value
  if (ring === undefined || owns === undefined || keeps === undefined || typeof self !== 'string') return undefined
  return { ring, self, owns, ...(keeps.length > 0 && { keeps }) }
}

function rangesIn(value: unknown): SlotRanges | undefined {
  if (!Array.isArray(value)) return undefined
  const ranges: SlotRange[] = []
  for (const pair of value) {
    const [from, through] = Array.isArray(pair) ? pair : []
    const isRange = Number.isInteger(from) && Number.isInteger(through) && from <= through && through < slotCount
    if (!isRange || from <= (ranges.at(-1)?.through ?? -1)) return undefined
    ranges.push({ from, through })
  }
  return ranges
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
