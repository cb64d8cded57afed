import { expect, test } from 'vitest'
import { NotAppended } from '../../../../kvs/log/log.ts'
import { decided } from '../../../contract/log/batches.ts'
import { makeDatabase, makeLog } from '../../../support/database.ts'
import { put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'

/** Of bytes of all kinds, each value with others. */
const bytes = (length: number, seed: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 31 + seed) % 256))

// From 64 KiB on values are sent from where they are, in a message that is put together differently.
const writes = [
  put('large é', bytes(64 * 1024, 1), 'text/html'),
  remove('gone'),
  put('empty', Buffer.alloc(0)),
  put('small', bytes(100, 2)),
  put('below', bytes(64 * 1024 - 1, 3)),
  put('larger', bytes(3_000_000, 4)),
]

test('large values come back byte for byte beside small ones, deletes and empty ones', async () => {
  const session = await makeLog(await makeDatabase()).open()
  await session.append(writes)
  const spooled = writes.map((write, index) => ({ number: BigInt(index + 7), superseded: index === 0, write }))
  await session.appendSpooled(spooled, 6n)
  const batch = writes.slice(4).map((write, index) => {
    const idempotency = { key: `idempotent ${index}`, request: bytes(32, index) }
    return decided(write, { current: { sequence: BigInt(index + 11), tag: '' }, idempotency })
  })
  const { verdicts } = await session.appendConditional(batch, 12n)
  expect(verdicts.map(({ outcome }) => outcome)).toEqual(['landed', 'landed'])
  const entries = await readAll(session)
  expect(entries.map(({ write }) => write)).toEqual([...writes, ...writes, ...writes.slice(4)])
  expect(entries.map(({ superseded }) => superseded).indexOf(true)).toBe(6)
  // What was sent is as it was.
  expect(writes[5]).toEqual(put('larger', bytes(3_000_000, 4)))
  await session.close()
})

test('a batch with a large value that Postgres refuses is not appended, and the session goes on', async () => {
  const session = await makeLog(await makeDatabase()).open()
  const refused = put('no \0 in a key', bytes(100_000, 1))
  await expect(session.append([refused])).rejects.toThrow(NotAppended)
  expect((await session.append(writes)).sequence).toBe(6n)
  await session.close()
})
