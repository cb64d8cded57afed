import type { SpooledWrite } from '../../../kvs/core/entry.ts'
import type { LogPosition, SpoolStorage } from '../../../kvs/spool/index.ts'

/** A storage in memory that never fails, for tests of what is above the spool. */
export function makeSpoolMemory(): SpoolStorage {
  const writes: SpooledWrite[] = []
  let position: LogPosition | undefined
  return {
    name: 'memory',
    position: async () => position,
    read: async ({ after, through }) => writes.filter(({ number }) => number > after && number <= through),
    async change(change) {
      writes.splice(0, writes.findLastIndex(({ number }) => number <= change.removed) + 1)
      const superseded = new Map(change.superseded)
      const isSuperseded = ({ number, write }: SpooledWrite) => number <= (superseded.get(write.key) ?? 0n)
      writes.splice(0, writes.length, ...writes.map((one) => (isSuperseded(one) ? { ...one, superseded: true } : one)))
      writes.push(...change.added.map((added) => ({ ...added, superseded: false })))
      for (const [key, through, seen] of change.seen ?? []) {
        const follows = ({ number, write }: SpooledWrite) => write.key === key && number <= through
        writes.splice(0, writes.length, ...writes.map((one) => (follows(one) ? { ...one, seen } : one)))
      }
      position = change.position
    },
    shrink: async () => undefined,
    close: async () => undefined,
  }
}
