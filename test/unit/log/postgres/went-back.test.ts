import { beforeEach, describe, expect, test } from 'vitest'
import { byForce, type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

describe('a log that went back', () => {
  test('and was written on by the same node has another digest, whatever the numbers', async () => {
    const writerId = crypto.randomUUID()
    const session = await makeLog(database, { writerId }).open()
    await session.append([put('a')])
    const lost = await session.append([put('b')])
    await session.close()
    await database.sql(byForce('DELETE FROM transactions WHERE sequence = 2'))
    const again = await makeLog(database, { writerId }).open()
    expect((await again.append([put('b')])).sequence).toBe(2n)
    expect(await again.holds(lost)).toBe(false)
    await again.close()
  })

  test('is told from one that went on', async () => {
    const session = await makeLog(database).open()
    const first = await session.append([put('a')])
    const second = await session.append([put('b')])
    expect(await session.holds(first)).toBe(true)
    expect(await session.holds(second)).toBe(true)
    expect(await session.holds({ sequence: 3n, digest: second.digest })).toBe(false)
    expect(await session.holds({ sequence: 2n, digest: first.digest })).toBe(false)
    await session.close()
  })

  test('and lost batches it had acknowledged is named at the next connection', async () => {
    const log = makeLog(database)
    const session = await log.open()
    await session.append([put('a')])
    await session.append([put('b')])
    await session.close()
    await database.sql(byForce('DELETE FROM transactions WHERE sequence = 2'))
    await expect(log.open()).rejects.toThrow(/went back: it lacks the last writes of this node \(numbers 2 to 2\)/)
    await database.sql(byForce('DELETE FROM writers'))
    await expect(log.open()).rejects.toThrow(/went back.*knows nothing/)
  })
})
