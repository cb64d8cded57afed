import { type EarlierVersion, earlierIn } from '../core/earlier-version.ts'
import type { Found } from '../core/entry.ts'
import { type CurrentVersion, partsOfTag, tagOf } from '../core/version.ts'
import type { LogNumbers } from './log-numbers.ts'
import type { PackedMap } from './packed-map.ts'
import type { PackedEarlier } from './record-layout.ts'

/** The value of the record at an address. */
export function foundAt(map: PackedMap, logs: LogNumbers, address: number): Found {
  const { value, contentType, modifiedAt, deadline } = map.read(address)
  return { value, contentType, tag: tagAt(map, logs, address), modifiedAt, deadline }
}

/** Version of the record at an address: the sequence is that of its entry, also where the tag is an earlier one. */
export function versionAt(map: PackedMap, logs: LogNumbers, address: number): CurrentVersion {
  const sequence = BigInt(map.sequenceAt(address))
  return { sequence, tag: tagAt(map, logs, address), deadline: map.deadlineAt(address) }
}

function tagAt(map: PackedMap, logs: LogNumbers, address: number): string {
  const { log, sequence, mark } = map.tagAt(address)
  return tagOf(logs.idOf(log), sequence, mark)
}

/**
 * Packs the earlier version of a moved value.
 * @param earlier as the entry has it, or as `formatEarlier` writes it
 * @throws ViewFull as `LogNumbers.of`
 * @throws where it is none: a view without it would show what no log has
 */
export function packEarlier(logs: LogNumbers, earlier: EarlierVersion | string): PackedEarlier {
  const { tag = '', modifiedAt = 0 } = (typeof earlier === 'string' ? earlierIn(earlier) : earlier) ?? {}
  const parts = partsOfTag(tag)
  if (parts === undefined) throw new Error('a value in the log has an earlier version that can’t be read')
  const { logId, sequence, mark } = parts
  return { log: logs.of(logId), sequence, mark, modifiedAt }
}
