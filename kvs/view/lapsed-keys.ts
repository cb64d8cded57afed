import type { Version } from '../core/version.ts'
import type { LogNumbers } from './log-numbers.ts'
import type { PackedMap } from './packed-map.ts'
import { versionAt } from './shown-versions.ts'

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
export function listLapsed(map: PackedMap, most: number, logs: LogNumbers): LapsedKey[] {
  return Array.from({ length: Math.min(most, map.deadlines.lapsed) }, (_, index) => {
    const address = map.deadlines.lapsedAt(index)
    const { buffer, start, length } = map.keyAt(address)
    const { sequence, tag, deadline = 0 } = versionAt(map, logs, address)
    return { key: buffer.toString('utf8', start, start + length), sequence, tag, deadline }
  })
}
