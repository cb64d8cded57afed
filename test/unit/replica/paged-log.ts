import type { Entry, LogPoint, Write } from '../../../kvs/core/entry.ts'
import type { LogSession } from '../../../kvs/log/log.ts'
import { entryOf, packed, timeAt } from '../../support/entries.ts'

/** A log in memory that pages by two, all of whose entries are others'. */
export function makePagedLog(...writes: Write[]) {
  const entries: Entry[] = []
  const add = (write: Write) => entries.push(entryOf(BigInt(entries.length + 1), write))
  const end = () => {
    const sequence = BigInt(entries.length)
    const recordedAt = timeAt(sequence)
    return { sequence, digest: Buffer.of(1), recordedAt, stamp: recordedAt * 1_000 }
  }
  writes.forEach(add)
  const log = {
    entries,
    add,
    /** Adds another node's batch. */
    addBatch(...batch: Write[]) {
      const digest = Buffer.of(255, entries.length)
      for (const write of batch) entries.push(entryOf(BigInt(entries.length + 1), write, { digest }))
    },
    logId: 'cafe0123',
    head: undefined as bigint | undefined,
    session(): LogSession {
      const sequence = log.head ?? BigInt(entries.length)
      return {
        head: { logId: log.logId, sequence, entries: sequence, adoptedThrough: 0n },
        description: 'memory',
        lost: new Promise(() => undefined),
        holds: async ({ sequence }: LogPoint) => sequence <= BigInt(entries.length),
        loadCheckpoint: async () => undefined,
        replay: async (after, apply) => {
          for (const entry of entries.slice(Number(after))) apply(packed(entry))
        },
        read: async (after, through = BigInt(entries.length)) =>
          entries.slice(Number(after), Math.min(Number(after) + 2, Number(through))),
        askHead: async () => ({ sequence: BigInt(entries.length), digest: entries.at(-1)?.digest ?? Buffer.of() }),
        onOthersAppended: () => undefined,
        committed: { number: 0n, end: end() },
        async append(batch) {
          batch.forEach(add)
          return end()
        },
        appendSpooled: () => Promise.reject(new Error('not here')),
        appendConditional: () => Promise.reject(new Error('not here')),
        seeRing: async () => undefined,
        close: async () => undefined,
      }
    },
  }
  return log
}
