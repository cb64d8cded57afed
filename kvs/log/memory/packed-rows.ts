import { formatEarlier } from '../../core/earlier-version.ts'
import type { PackedEntry } from '../../core/entry.ts'
import { kindOfCode } from '../../core/operation/operation.ts'
import { formatPosition } from '../../core/position.ts'
import { UnknownEntry } from '../index.ts'
import type { StoredEntry } from './tables.ts'

/**
 * Packs entries into one object and one buffer, again and again. An entry's bytes are overwritten by the next one's, so
 * that tests catch whoever keeps a window on them.
 */
export function makePacker(): (entry: StoredEntry) => PackedEntry {
  let scratch = Buffer.alloc(4_096)
  const packed: PackedEntry = {
    sequence: 0,
    kind: 'delete',
    superseded: false,
    contentType: undefined,
    recordedAt: 0,
    deadline: undefined,
    stamp: 0,
    origin: undefined,
    originSequence: 0,
    after: undefined,
    earlier: undefined,
    bytes: scratch,
    digestStart: 0,
    digestLength: 0,
    keyStart: 0,
    keyLength: 0,
    valueStart: 0,
    valueLength: 0,
  }
  return (entry) => {
    const parts = [entry.digest, Buffer.from(entry.key), entry.value ?? Buffer.alloc(0)] as const
    const [digest, key, value] = parts.map(({ length }) => length) as [number, number, number]
    const size = digest + key + value
    if (size > scratch.length) scratch = Buffer.alloc(2 * size)
    let at = 0
    for (const part of parts) at += part.copy(scratch, at)
    packed.bytes = scratch
    packed.sequence = Number(entry.sequence)
    packed.kind = kindOf(entry)
    packed.superseded = entry.superseded
    packed.contentType = entry.contentType
    packed.recordedAt = entry.recordedAt
    packed.deadline = entry.deadline
    packed.stamp = entry.stamp
    packed.origin = entry.origin?.logId
    packed.originSequence = Number(entry.origin?.sequence ?? 0)
    packed.after = entry.after && formatPosition(entry.after)
    packed.earlier = entry.earlier && formatEarlier(entry.earlier)
    packed.digestLength = digest
    packed.keyStart = digest
    packed.keyLength = key
    packed.valueStart = digest + key
    packed.valueLength = value
    return packed
  }
}

/** Throws `UnknownEntry` at an entry of an unknown kind: skipping it would make a view that no log has. */
export function kindOf({ eventType, value, sequence }: StoredEntry): PackedEntry['kind'] {
  const kind = kindOfCode(eventType, value !== undefined)
  if (kind === undefined) throw new UnknownEntry(String(sequence), eventType)
  return kind
}
