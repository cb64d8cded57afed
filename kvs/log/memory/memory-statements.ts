import type { WriterStatements } from '../index.ts'
import { appendConditional, appendForeign, appendSpooled, appendWrites } from './appending.ts'
import type { MemoryConnection } from './memory-connection.ts'
import { appendMoved } from './moving.ts'
import { registerWriter } from './registering.ts'
import { appendRing, seeRing } from './ring-appending.ts'
import { StatementRefused } from './tables.ts'

/** What the writer's logic asks of the log, over one connection. */
export function makeMemoryStatements({ query }: MemoryConnection, appendTimeoutMs: number): WriterStatements {
  return {
    readSession: (writerId) => query('register', ({ writers }) => writers.get(writerId)?.session),
    register: (writerId, session, replaced) =>
      query('register', (tables, now) => registerWriter(tables, now, writerId, session, replaced)),
    append: (batch, writes, landsUntil) =>
      query('append', (tables, now) => appendWrites(tables, now, batch, writes, landsUntil), appendTimeoutMs),
    appendSpooled: (batch, writes, seen) =>
      query('append-spooled', (tables, now) => appendSpooled(tables, now, batch, writes, seen), appendTimeoutMs),
    appendConditional: (batch, decided, seen) =>
      query(
        'append-conditional',
        (tables, now) => appendConditional(tables, now, batch, decided, seen),
        appendTimeoutMs,
      ),
    appendForeign: (batch, entries, seen) =>
      query('append-foreign', (tables, now) => appendForeign(tables, now, batch, entries, seen), appendTimeoutMs),
    appendRing: (batch, text, seen, vacated) =>
      query('append-ring', (tables, now) => appendRing(tables, now, batch, text, seen, vacated), appendTimeoutMs),
    appendMoved: (batch, moved, ringEntry) =>
      query('append-moved', (tables, now) => appendMoved(tables, now, batch, moved, ringEntry), appendTimeoutMs),
    seeRing: (writerId, session, through) => query('see-ring', (tables) => seeRing(tables, writerId, session, through)),
    failureOf: (error) => (error instanceof StatementRefused ? error.reason : 'unknown'),
  }
}
