import { formatEarlier } from '../../kvs/core/earlier-version.ts'
import type { Entry, LogPoint, PackedEntry, Write } from '../../kvs/core/entry.ts'
import type { Delete } from '../../kvs/core/operation/delete.ts'
import { setsValue } from '../../kvs/core/operation/operation.ts'
import type { Put } from '../../kvs/core/operation/put.ts'
import { formatPosition } from '../../kvs/core/position.ts'

export const put = (key: string, value: string | Buffer = 'v', contentType?: string): Put => ({
  kind: 'put',
  key,
  value: Buffer.from(value),
  contentType,
})

export const remove = (key: string): Delete => ({ kind: 'delete', key })

/** The point in the log at which a batch ends. */
export const pointOf = ({ sequence, digest }: LogPoint): LogPoint => ({ sequence, digest })

/** A millisecond for each entry. */
export const timeAt = (sequence: bigint | number) => 1_700_000_000_000 + Number(sequence)

/** An entry as another node's log would have it. */
export function entryOf(sequence: bigint, write: Write, rest: Partial<Entry> = {}): Entry {
  const digest = Buffer.of(Number(sequence % 256n))
  const recordedAt = timeAt(sequence)
  const stamp = (rest.recordedAt ?? recordedAt) * 1_000
  return { sequence, digest, superseded: false, isOwn: false, recordedAt, stamp, origin: undefined, write, ...rest }
}

/** The same as it comes in bulk. */
export function packed(entry: Entry): PackedEntry {
  const { sequence, digest, superseded, recordedAt, stamp, origin, earlier, write } = entry
  const key = Buffer.from(write.key)
  const value = setsValue(write) ? write.value : Buffer.alloc(0)
  return {
    sequence: Number(sequence),
    kind: write.kind,
    superseded,
    contentType: setsValue(write) ? write.contentType : undefined,
    recordedAt,
    deadline: write.deadline,
    stamp,
    origin: origin?.logId,
    originSequence: Number(origin?.sequence ?? 0),
    after: write.after && formatPosition(write.after),
    earlier: earlier && formatEarlier(earlier),
    bytes: Buffer.concat([digest, key, value]),
    digestStart: 0,
    digestLength: digest.length,
    keyStart: digest.length,
    keyLength: key.length,
    valueStart: digest.length + key.length,
    valueLength: value.length,
  }
}
