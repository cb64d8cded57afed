import { type CurrentVersion, tagOf, type Version } from '../core/version.ts'
import type { PackedMap } from './packed-map.ts'

/** A key whose deadline has passed, with the version of its value. */
export interface LapsedKey extends Version {
  readonly key: string
  readonly deadline: number
}

/** As `View.lapse`. */
export function lapse(
  map: PackedMap,
  now: number,
  most: number,
  visit: (buffer: Buffer, start: number, length: number) => void,
): number {
  for (let lapsed = 0; lapsed < most; lapsed++) {
    const address = map.deadlines.lapse(now)
    if (address === 0) return lapsed
    const { buffer, start, length } = map.keyAt(address)
    visit(buffer, start, length)
  }
  return most
}

/** As `View.lapsed`. */
export function listLapsed(map: PackedMap, most: number, logId: string): LapsedKey[] {
  return Array.from({ length: Math.min(most, map.deadlines.lapsed) }, (_, index) => {
    const address = map.deadlines.lapsedAt(index)
    const { buffer, start, length } = map.keyAt(address)
    const { sequence, tag, deadline = 0 } = versionAt(map, address, logId)
    return { key: buffer.toString('utf8', start, start + length), sequence, tag, deadline }
  })
}

export function versionAt(map: PackedMap, address: number, logId: string): CurrentVersion {
  const sequence = BigInt(map.sequenceAt(address))
  return { sequence, tag: tagOf(logId, sequence, map.markAt(address)), deadline: map.deadlineAt(address) }
}
