import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from '../../../../kvs/core/entry.ts'
import { Refused } from '../../../../kvs/log/log.ts'
import { makePostgresSiteLog } from '../../../../kvs/log/postgres/postgres-site-log.ts'
import { makeView } from '../../../../kvs/view/view.ts'
import { byForce, type Database, makeDatabase, makeLog } from '../../../support/database.ts'
import { entryOf, put, remove } from '../../../support/entries.ts'

/** Go's url.QueryEscape: every byte but the unreserved ones as %XX in capitals, and a space as a plus sign. */
function queryEscape(value: Buffer): string {
  return [...value]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      if (/[A-Za-z0-9_.~-]/.test(character)) return character
      return byte === 0x20 ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')
}

/** The table and the statements of the textbook service, as it writes them. */
async function asTheTextbookDoes(database: Database) {
  await database.sql(
    'CREATE TABLE transactions (sequence BIGSERIAL PRIMARY KEY, event_type SMALLINT, key TEXT, value TEXT)',
  )
  const write = (type: number, key: string, value: string) =>
    database.sql('INSERT INTO transactions (event_type, key, value) VALUES ($1, $2, $3)', [type, key, value])
  return {
    put: (key: string, value: string | Buffer) => write(2, key, queryEscape(Buffer.from(value))),
    remove: (key: string) => write(1, key, ''),
    byHand: (key: string, value: string | null) =>
      database.sql('INSERT INTO transactions (event_type, key, value) VALUES (2, $1, $2)', [key, value]),
    // what a rolled back INSERT leaves of a BIGSERIAL
    gap: () => database.sql(`SELECT nextval('transactions_sequence_seq')`),
  }
}

async function adopt(database: Database) {
  const session = await makeLog(database).open()
  const entries = await session.read(0n)
  const view = makeView({ logId: session.head.logId, gapsUpTo: session.head.adoptedThrough })
  for (const entry of entries) view.apply(entry)
  return { session, entries, view, value: (key: string) => view.get(key)?.value.toString() }
}

const sequences = (entries: Entry[]) => entries.map((entry) => entry.sequence)

test('a textbook log is adopted: every row under its number, each value as the user had sent it', async () => {
  const database = await makeDatabase()
  const textbook = await asTheTextbookDoes(database)
  await textbook.put('key 1', 'Test Pair 1')
  await textbook.gap()
  await textbook.put('path', 'a/b?c=d&e=%2F+~')
  await textbook.put('gone', 'x')
  await textbook.remove('gone')
  await textbook.gap()
  await textbook.put('unicode', 'grüße 😀')
  await textbook.put('empty', '')
  await textbook.put('key 1', '100% sure + done')
  const { session, entries, value } = await adopt(database)

  expect(sequences(entries)).toEqual([1n, 3n, 4n, 5n, 7n, 8n, 9n])
  expect(session.head).toMatchObject({ sequence: 9n, entries: 7n, adoptedThrough: 9n })
  expect(value('key 1')).toBe('100% sure + done')
  expect(entries[0]?.write).toMatchObject({ key: 'key 1', value: Buffer.from('Test Pair 1') })
  expect(value('path')).toBe('a/b?c=d&e=%2F+~')
  expect(value('gone')).toBeUndefined()
  expect(value('unicode')).toBe('grüße 😀')
  expect(value('empty')).toBe('')

  const next = await session.append([{ kind: 'delete', key: 'path' }])
  expect(next.sequence).toBe(10n)
  await expect(session.holds(next)).resolves.toBe(true)
  await expect(session.holds({ sequence: 9n, digest: entries[6]?.digest ?? next.digest })).resolves.toBe(true)
  await session.close()
})

test('an adopted value’s ETag has log id and sequence, and differs where the same rows are adopted anew', async () => {
  const tags: (string | undefined)[] = []
  for (let time = 0; time < 2; time++) {
    const database = await makeDatabase()
    const textbook = await asTheTextbookDoes(database)
    await textbook.gap()
    await textbook.put('key', 'x')
    const { session, view } = await adopt(database)
    tags.push(view.get('key')?.tag)
    expect(tags[time]).toBe(`${session.head.logId}-2-00000000`)
    await session.close()
  }
  expect(tags[0]).not.toBe(tags[1])
})

test('what QueryEscape can’t have written was put there by hand, and is kept as it stands', async () => {
  const database = await makeDatabase()
  const textbook = await asTheTextbookDoes(database)
  const byHand = ['a b+c', '100%', '%zz', 'x/y+z', 'grüße+']
  for (const text of byHand) await textbook.byHand(text, text)
  await textbook.byHand('null', null)
  const { session, value } = await adopt(database)
  for (const text of byHand) expect(value(text)).toBe(text)
  expect(value('null')).toBe('')
  await session.close()
})

test('any bytes come back from the textbook’s escaping', async () => {
  const database = await makeDatabase()
  const textbook = await asTheTextbookDoes(database)
  const values = fc.sample(fc.uint8Array({ maxLength: 60 }), { numRuns: 200, seed: 7 }).map((a) => Buffer.from(a))
  for (const [index, value] of values.entries()) await textbook.put(`k${index}`, value)
  const { session, view } = await adopt(database)
  for (const [index, value] of values.entries()) expect(view.get(`k${index}`)?.value).toEqual(value)
  await session.close()
})

test('an empty textbook table is adopted', async () => {
  const database = await makeDatabase()
  await asTheTextbookDoes(database)
  const { session } = await adopt(database)
  expect(session.head).toMatchObject({ sequence: 0n, entries: 0n })
  expect((await session.append([{ kind: 'delete', key: 'a' }])).sequence).toBe(1n)
  await session.close()
})

test('the textbook service can’t write past the log once it is adopted', async () => {
  const database = await makeDatabase()
  const textbook = await asTheTextbookDoes(database)
  await textbook.put('a', '1')
  const { session } = await adopt(database)
  await expect(textbook.put('a', '2')).rejects.toThrow()
  await session.close()
})

test('gaps after the adopted part are not taken', async () => {
  const view = makeView({ gapsUpTo: 3n })
  const entry = (sequence: bigint) => entryOf(sequence, remove('a'))
  view.apply(entry(2n))
  view.apply(entry(3n))
  expect(() => view.apply(entry(5n))).toThrow('entry 5 of the log came after entry 3')
})

test.each([
  ['another shape', 'CREATE TABLE transactions (id int, amount numeric)', /neither this service's nor the textbook/],
  [
    'an event_type that the textbook has not',
    `CREATE TABLE transactions (sequence BIGSERIAL PRIMARY KEY, event_type SMALLINT, key TEXT, value TEXT);
     INSERT INTO transactions (event_type, key) VALUES (3, 'a')`,
    /1 rows without a key or with an event_type/,
  ],
])('a table of %s is refused, and left as it was', async (_, create, message) => {
  const database = await makeDatabase()
  await database.sql(create)
  const before = await database.sql('SELECT * FROM transactions')
  const error = await makeLog(database)
    .open()
    .catch((error) => error)
  expect(error).toBeInstanceOf(Refused)
  expect(error.message).toMatch(message)
  expect(await database.sql('SELECT * FROM transactions')).toEqual(before)
})

test('an adopted log has its own end, and stamps, as one that the service wrote', async () => {
  const database = await makeDatabase()
  const textbook = await asTheTextbookDoes(database)
  await textbook.put('a', '1')
  await textbook.gap()
  await textbook.put('b', '2')
  const { session, entries } = await adopt(database)
  const { logId } = session.head
  const siteLog = makePostgresSiteLog({ target: database.target, timeoutMs: 10_000 })
  const reader = await siteLog.openReader()
  const own = async (through: bigint) => Object.fromEntries((await reader.positionThrough(through)).sequences)
  expect([await own(3n), await own(2n), await own(1n)]).toEqual([{ [logId]: 3n }, { [logId]: 1n }, { [logId]: 1n }])
  const [first, last] = entries
  expect(first?.stamp).toBe((first?.recordedAt ?? 0) * 1_000)
  expect(await reader.stampAt(3n)).toBe(last?.stamp)
  expect(await reader.stampAt(2n)).toBeUndefined()
  // Also where the server's clock has gone back, and the last time is a whole millisecond
  await database.sql(byForce(`UPDATE transactions SET recorded_at = date_trunc('hour', now()) + interval '2 hours'`))
  const ahead = (await reader.stampAt(3n)) ?? Infinity
  expect(ahead).toBeGreaterThan(Date.now() * 1_000)
  expect((await session.append([put('a')])).stamp).toBeGreaterThan(ahead)
  expect(await own(4n)).toEqual({ [logId]: 4n })
  await Promise.all([session.close(), reader.close()])
})
