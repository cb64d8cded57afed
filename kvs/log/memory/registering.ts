import type { Registration } from '../index.ts'
import { lastOf, requireTaken, type Tables } from './tables.ts'

/**
 * Makes a session the only one that may append for the writer, in the place of `replaced` and of no other; undefined is
 * none. Returns undefined where another session was registered in the meantime.
 */
export function registerWriter(
  tables: Tables,
  serverSeconds: number,
  writerId: string,
  session: string,
  replaced: string | undefined,
): Registration | undefined {
  requireTaken(tables, [])
  const { writers, ringSequence } = tables
  const row = writers.get(writerId)
  if (row?.session !== replaced) return undefined
  const writerNumber = row?.number ?? writers.size + 1
  writers.set(writerId, { number: writerNumber, session, ringSeen: ringSequence })
  const { writeNumber = 0n, sequence = 0n, digest = Buffer.alloc(0) } = lastOf(tables, writerNumber) ?? {}
  return { writerNumber, committed: { number: writeNumber, end: { sequence, digest } }, serverSeconds }
}
