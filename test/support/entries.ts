import type { Entry, Write } from '../../kvs/entry.ts'

export const put = (key: string, value: string | Buffer = 'v', contentType?: string): Write => ({
  kind: 'put',
  key,
  value: Buffer.from(value),
  contentType,
})

export const remove = (key: string): Write => ({ kind: 'delete', key })

/** An entry as another node's log would have it. */
export function entryOf(sequence: bigint, write: Write, rest: Partial<Entry> = {}): Entry {
  return { sequence, digest: Buffer.of(Number(sequence % 256n)), superseded: false, isOwn: false, write, ...rest }
}
