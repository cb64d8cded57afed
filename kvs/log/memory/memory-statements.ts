import type { WriterStatements } from '../index.ts'
import { appendConditional, appendSpooled, appendWrites, registerWriter } from './appending.ts'
import type { MemoryConnection } from './memory-connection.ts'
import { StatementRefused, type Tables } from './tables.ts'

/** What the writer's logic needs of the log, over one connection. */
export function makeMemoryStatements(connection: MemoryConnection, appendTimeoutMs: number): WriterStatements {
  return {
    readSession: (writerId) => connection.query('register', ({ writers }) => writers.get(writerId)?.session),
    register(writerId, session, replaced) {
      return connection.query('register', (tables, serverSeconds) => {
        const registered = registerWriter(tables, writerId, session, replaced)
        return registered && { ...registered, serverSeconds }
      })
    },
    append(batch, writes, landsUntil) {
      const run = (tables: Tables, serverSeconds: number) => {
        const appended = appendWrites(tables, batch, writes, serverSeconds >= landsUntil)
        return { ...appended, serverSeconds }
      }
      return connection.query('append', run, appendTimeoutMs)
    },
    appendSpooled(batch, writes, seen) {
      const run = (tables: Tables, serverSeconds: number) => {
        const appended = appendSpooled(tables, batch, writes, seen)
        return { ...appended, serverSeconds }
      }
      return connection.query('append-spooled', run, appendTimeoutMs)
    },
    appendConditional(batch, writes, seen) {
      const run = (tables: Tables) => appendConditional(tables, batch, writes, seen)
      return connection.query('append-conditional', run, appendTimeoutMs)
    },
    failureOf: (error) => (error instanceof StatementRefused ? error.reason : 'unknown'),
  }
}
