import type { ForeignEntry, Write } from '../../../kvs/core/entry.ts'
import { appendForeign } from '../../../kvs/log/memory/appending.ts'
import type { MemoryServer } from '../../../kvs/log/memory/index.ts'
import { registerWriter } from '../../../kvs/log/memory/registering.ts'
import { quiet } from './virtual-nodes.ts'

/** Takes entries of other logs over into a log in memory, a batch with each call. */
export function makeTakeOver(server: MemoryServer) {
  const connection = server.connect({ onNotified: quiet, onEnded: quiet })
  const session = '00000000-0000-4000-8000-000000000000'
  connection.run((tables, now) => registerWriter(tables, now, 'import', session, undefined))
  let last = 0n
  return (...entries: ForeignEntry[]) => {
    const batch = { writerId: 'import', session, after: last, last: last + BigInt(entries.length) }
    last = batch.last
    const { outcome } = connection.run((tables, now) => appendForeign(tables, now, batch, entries, 0n))
    if (outcome !== 'landed') throw new Error(`the entries are ${outcome}`)
  }
}

export function foreign(logId: string, sequence: bigint, write: Write, stamp: number): ForeignEntry {
  return { origin: { logId, sequence }, write, stamp, superseded: false }
}
