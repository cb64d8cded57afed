import type { BatchEnd, Write } from '../../../kvs/core/entry.ts'
import { NotOwner } from '../../../kvs/core/errors.ts'
import { allSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import { type Decided, type LogSession, type RingChangeEntry, RingUnseen } from '../../../kvs/log/index.ts'
import type { RingGuard } from '../../../kvs/replica/ring-hooks.ts'
import { makeScriptedLog } from './scripted-log.ts'

/**
 * A scripted log that takes what is appended, but nothing of a session that has not told of its last entry on the ring.
 */
export function makeFencedLog() {
  const scripted = makeScriptedLog()
  let seen = 0n
  const log = Object.assign(scripted, {
    ring: undefined as RingChangeEntry | undefined,
    /** The batches that were to be appended, with what became of them. */
    batches: [] as string[],
    /** What the sessions have told of. */
    told: [] as bigint[],
    /** Awaited before a batch has its turn. */
    beforeAppend: async (_keys: string): Promise<void> => undefined,
    /** What a session knows of this node's last write. */
    committed: undefined as LogSession['committed'] | undefined,
    isFenced: () => log.ring !== undefined && log.ring.sequence > seen,
    addRing(text: string) {
      log.add({ kind: 'ring', key: text })
      log.ring = { sequence: log.end().sequence, text }
    },
  })

  async function append(writes: readonly Write[]): Promise<BatchEnd> {
    const keys = writes.map(({ key }) => key).join()
    await log.beforeAppend(keys)
    if (log.isFenced()) {
      log.batches.push(`${keys} unseen`)
      throw new RingUnseen(new Error('unseen'))
    }
    log.batches.push(keys)
    for (const write of writes) log.add(write)
    return log.end()
  }

  const { open } = scripted
  log.open = async () => {
    const session = await open()
    seen = log.ring?.sequence ?? 0n
    const own: Partial<LogSession> = {
      head: { ...session.head, ring: log.ring },
      committed: log.committed ?? session.committed,
      append,
      appendSpooled: (spooled) => append(spooled.map(({ write }) => write)),
      async appendConditional(batch: readonly Decided[]) {
        const writes = batch.flatMap((decided) => decided.writes)
        const end = await append(writes)
        const before = end.sequence - BigInt(writes.length)
        let landed = before
        const verdicts = batch.map(({ writes, current }) => {
          const entry = { sequence: landed + 1n, digest: end.digest }
          landed += BigInt(writes.length)
          return { outcome: 'landed' as const, entry, current }
        })
        return { verdicts, end }
      },
      async seeRing(through) {
        log.told.push(through)
        seen = through
      },
    }
    return new Proxy(session, {
      get: (of, name: keyof LogSession) => own[name] ?? of[name],
    })
  }
  return log
}

/** A guard that goes by entries whose text names the keys that are not owned; by one that is `?` it can't. */
export function makeGuard() {
  const guard = {
    notes: [] as RingChangeEntry[],
    unowned: [] as string[],
    state: () => ({ owns: allSlots }),
    note(entry: RingChangeEntry) {
      if (entry.text === '?') throw new Error('no ring')
      guard.notes.push(entry)
      const before = guard.unowned.join(' ')
      guard.unowned = entry.text.split(' ')
      return entry.text !== before
    },
    foresee(entry: RingChangeEntry | undefined) {
      if (entry === undefined) return false
      if (entry.text === '?') throw new Error('no ring')
      guard.unowned = [...new Set([...guard.unowned, ...entry.text.split(' ')])]
      return true
    },
    isCopy: (key: string) => guard.unowned.includes(key),
    requireOwned(key: string) {
      if (guard.unowned.includes(key)) throw new NotOwner(`ring=${guard.notes.length}`)
    },
  }
  return guard satisfies RingGuard
}
