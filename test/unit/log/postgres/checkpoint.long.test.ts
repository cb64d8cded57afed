import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { advanceCheckpoint } from '../../../../kvs/log/postgres/checkpoint-statements.ts'
import { appendTo, loadCheckpoint } from '../../../support/checkpoint.ts'
import { put, remove } from '../../../support/entries.ts'
import { advanceToEnd, connection, database, expectWhole, openLog, session } from './checkpointing.ts'

beforeEach(openLog)

describe('the checkpoint', () => {
  test('is what the log’s entries come to, after each step, whatever they are', async () => {
    const key = fc.oneof(
      fc.constantFrom('a', 'b', 'B', 'é', 'e\u0301', ' ', '', '😀', '\\', '%', 'k'.repeat(1_024)),
      fc.string({ unit: 'binary', maxLength: 4 }).filter((text) => !text.includes('\0')),
    )
    const value = fc.oneof(
      { weight: 9, arbitrary: fc.uint8Array({ maxLength: 50 }) },
      { weight: 1, arbitrary: fc.constantFrom(1_999, 2_000, 2_001, 50_000).map((size) => Buffer.alloc(size, size)) },
    )
    const contentType = fc.option(fc.constantFrom('text/plain', 'a/b; c="é"', ''), { nil: undefined })
    const deadline = fc.option(fc.nat(4_000_000_000), { nil: undefined })
    const write = fc.oneof(
      {
        weight: 3,
        arbitrary: fc
          .tuple(key, value, contentType, deadline)
          .map(([k, v, type, deadline]) => ({ ...put(k, Buffer.from(v), type), deadline })),
      },
      { weight: 1, arbitrary: key.map(remove) },
    )
    const entry = fc.record({ write, superseded: fc.nat(6).map((n) => n === 6) })
    const batch = fc.array(entry, { minLength: 1, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(batch, fc.integer({ min: 1, max: 40 })), { maxLength: 6 }), async (rounds) => {
        for (const [batch, most] of rounds) {
          await appendTo(database, batch)
          await advanceToEnd(most)
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('several at once', () => {
  test('a reader keeps a broken checkpoint from being emptied, and is not waited for', async () => {
    await session.append([put('a')])
    await advanceCheckpoint(connection, 10)
    const reader = await database.connect()
    await reader.query('BEGIN; SELECT FROM checkpoint_entries')
    await database.sql('DELETE FROM checkpoint')
    expect((await advanceCheckpoint(connection, 10)).outcome).toBe('busy')
    expect((await loadCheckpoint(database)).entries).toHaveLength(1)
    await reader.query('COMMIT')
    expect((await advanceCheckpoint(connection, 10)).outcome).toBe('begun')
    await expectWhole()
  })
})
