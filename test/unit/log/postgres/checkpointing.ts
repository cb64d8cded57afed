import { expect } from 'vitest'
import type { PostgresTarget } from '../../../../kvs/config/postgres-target.ts'
import type { LogSession } from '../../../../kvs/log/log.ts'
import { advanceCheckpoint } from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { type Connection, connect } from '../../../../kvs/log/postgres/connection.ts'
import { foldLog, inOrder, loadCheckpoint } from '../../../support/checkpoint.ts'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'

// Of the test under way.
export let database: Database
export let session: LogSession
export let connection: Connection

/** Before each test: an empty log of its own, and a connection to bring its checkpoint on. Returns what closes both. */
export async function openLog(): Promise<() => Promise<unknown>> {
  database = await makeDatabase()
  session = await makeLog(database).open()
  connection = await connectTo(database.target)
  return () => Promise.all([session.close(), connection.close()])
}

export const connectTo = (target: PostgresTarget) => connect(target, 10_000)

export async function expectWhole(): Promise<bigint> {
  const { sequence, isWhole, entries } = await loadCheckpoint(database)
  expect(isWhole).toBe(true)
  expect(inOrder(entries)).toEqual(await foldLog(database, sequence))
  return sequence
}

/** Until it is at the log's end; true to the log at each step. */
export async function advanceToEnd(most: number): Promise<void> {
  for (;;) {
    const { outcome, reached, behind } = await advanceCheckpoint(connection, most)
    expect(outcome).not.toBe('busy')
    expect(await expectWhole()).toBe(reached)
    if (behind === 0n) return
  }
}
