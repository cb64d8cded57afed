import type { HeldPut } from '../core/held-put.ts'
import type { PackedMap } from './packed-map.ts'
import type { Ranks } from './ranks.ts'

/** The put at a record's address; undefined where it has no rank, as in a view that is no site's. */
export function putAt(map: PackedMap, ranks: Ranks | undefined, address: number): HeldPut | undefined {
  const rank = map.rankAt(address)
  if (ranks === undefined || rank === undefined) return undefined
  const { buffer, start, length } = map.keyAt(address)
  const key = Buffer.from(buffer.subarray(start, start + length))
  const { value, contentType, deadline } = map.read(address)
  return { key, value, contentType, deadline, rank: ranks.unpack(rank) }
}
