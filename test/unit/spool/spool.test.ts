import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { weight } from '../../../kvs/core/operation/operation.ts'
import { parsePosition } from '../../../kvs/core/position.ts'
import { makeSqliteStorage, openSpool, type Spool } from '../../../kvs/spool/index.ts'
import { entryOf, put, remove } from '../../support/entries.ts'
import { makeDirectory } from '../../support/node.ts'

const seen = { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') }

async function open(path = join(makeDirectory(), 'spool.db'), maxBytes = 1e9): Promise<Spool & { path: string }> {
  const spool = await openSpool({ storage: makeSqliteStorage(path), maxBytes })
  let isOpen = true
  const close = async () => {
    if (isOpen) await spool.close()
    isOpen = false
  }
  onTestFinished(close)
  return Object.assign(Object.create(spool), { path, close })
}

const code = (promise: Promise<unknown>) => promise.then(() => 'ok').catch((error) => error.code)
const numbers = async (spool: Spool) => (await spool.oldest()).map(({ number }) => number)

test('what is in it is there again when it is opened anew: order, bytes, numbers and what was seen', async () => {
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const writes = [put('a', every, 'text/html'), remove('b'), put('🔑 "\n', ''), put('a', 'newer')]
  const first = await open()
  await first.add(5n, writes.slice(0, 2), seen)
  await first.add(7n, writes.slice(2), seen)
  await first.close()
  const spool = await open(first.path)
  expect([spool.writes, spool.last, spool.position]).toEqual([4, 8n, seen])
  expect(spool.bytes).toBe(writes.reduce((sum, write) => sum + weight(write), 0))
  expect(await spool.oldest()).toEqual(
    writes.map((write, index) => ({ number: BigInt(index + 5), superseded: false, write })),
  )
  expect(spool.get('a')).toEqual(writes[3])
  expect(spool.get('b')).toEqual(remove('b'))
  expect(spool.get('c')).toBeUndefined()
})

test('what is removed is gone, also after it was opened anew, and never hides a newer write', async () => {
  const first = await open()
  await first.add(1n, [put('a', '1'), put('b', '1')], seen)
  const oldest = await first.oldest()
  await first.add(3n, [put('a', '2')], seen)
  await first.remove(oldest, { ...seen, sequence: 9n })
  expect([first.writes, first.get('a'), first.get('b')]).toEqual([1, put('a', '2'), undefined])
  await first.close()
  const spool = await open(first.path)
  expect([spool.writes, spool.get('a'), spool.get('b'), spool.position?.sequence]).toEqual([
    1,
    put('a', '2'),
    undefined,
    9n,
  ])
  expect(await numbers(spool)).toEqual([3n])
})

test('a batch of the oldest is bounded in writes and in bytes, but takes any single write', async () => {
  const spool = await open()
  await spool.add(
    1n,
    Array.from({ length: 1_500 }, (_, i) => put(`k${i}`)),
    seen,
  )
  expect(await spool.oldest()).toHaveLength(1_000)
  await spool.remove(await spool.oldest(), seen)
  expect(await spool.oldest()).toHaveLength(500)
  await spool.remove(await spool.oldest(), seen)
  await spool.add(
    1_501n,
    Array.from({ length: 3 }, (_, i) => put(`k${i}`, Buffer.alloc(5e6))),
    seen,
  )
  expect(await numbers(spool)).toEqual([1_501n])
})

test('a part of a batch can be had, and is never empty', async () => {
  const spool = await open()
  await spool.add(
    1n,
    Array.from({ length: 100 }, (_, i) => put(`k${i}`, Buffer.alloc(10_000))),
    seen,
  )
  expect((await spool.oldest(1 / 16)).length).toBe(26)
  expect((await spool.oldest(1 / 1_000)).length).toBe(1)
})

test('what the log and the view have is no longer answered for, and still waits to be removed', async () => {
  const spool = await open()
  await spool.add(1n, [put('a', '1'), put('b', '1'), put('a', '2')], seen)
  spool.hide(2n)
  expect([spool.get('a'), spool.get('b'), spool.writes]).toEqual([put('a', '2'), undefined, 3])
})

test('past its bound it takes nothing more, except what must not be refused', async () => {
  const spool = await open(undefined, 2 * weight(put('a')))
  await spool.add(1n, [put('a'), put('b')], seen)
  expect(await code(spool.add(3n, [put('c')], seen))).toBe('spool_full')
  expect([spool.writes, spool.get('c')]).toEqual([2, undefined])
  await spool.add(3n, [put('c')], seen, false)
  expect(spool.writes).toBe(3)
})

test('another node’s entry supersedes all that waits for its key by then, and nothing that comes later', async () => {
  const first = await open()
  await first.add(1n, [put('a', '1'), put('b', '1'), put('a', '2')], seen)
  first.supersede(entryOf(8n, put('a', 'theirs')))
  first.supersede(entryOf(7n, put('b', 'older')))
  expect([first.get('a'), first.get('b')]).toEqual([undefined, put('b', '1')])
  const expected = [true, false, true, false]
  await first.add(4n, [put('a', '3')], { ...seen, sequence: 8n })
  expect((await first.oldest()).map(({ superseded }) => superseded)).toEqual(expected)
  expect(first.get('a')).toEqual(put('a', '3'))
  await first.close()
  const spool = await open(first.path)
  expect((await spool.oldest()).map(({ superseded }) => superseded)).toEqual(expected)
  expect(spool.get('a')).toEqual(put('a', '3'))
})

test('a copy that goes supersedes nothing, since no client asked for that; one that comes does', async () => {
  const spool = await open()
  const earlier = { tag: 'beef4567-3-00000000', modifiedAt: 5 }
  await spool.add(1n, [put('a', 'mine'), put('b', 'mine')], seen)
  spool.supersede(entryOf(8n, remove('a'), { earlier }))
  spool.supersede(entryOf(9n, put('b', 'theirs'), { earlier }))
  expect([spool.get('a'), spool.get('b')]).toEqual([put('a', 'mine'), undefined])
  expect((await spool.oldest()).map(({ superseded }) => superseded)).toEqual([false, true])
})

test('an entry that comes before a write which has landed does not supersede it; a later one does', async () => {
  const spool = await open()
  await spool.add(1n, [put('a', 'mine'), put('b', 'mine')], seen)
  await spool.noteLanded({ number: 2n, sequence: 20n })
  spool.supersede(entryOf(13n, put('a', 'theirs')))
  expect(spool.get('a')).toEqual(put('a', 'mine'))
  spool.supersede(entryOf(21n, put('a', 'theirs')))
  expect([spool.get('a'), spool.get('b')]).toEqual([undefined, put('b', 'mine')])
})

test('a write that has landed is shown again where a newer one of its key is superseded', async () => {
  const spool = await open()
  await spool.add(1n, [put('a', 'landed')], seen)
  await spool.add(2n, [put('a', 'newer')], seen)
  await spool.noteLanded({ number: 1n, sequence: 20n })
  spool.supersede(entryOf(13n, put('a', 'theirs')))
  expect(spool.get('a')).toEqual(put('a', 'landed'))
  expect((await spool.oldest()).map(({ superseded }) => superseded)).toEqual([true, true])
  spool.hide(1n)
  expect(spool.get('a')).toBeUndefined()
})

const origin = { logId: 'beef4567', sequence: 3n }

test('an entry of another log supersedes nothing that waits: what waits lands after it', async () => {
  const spool = await open()
  await spool.add(1n, [put('a', 'mine')], seen)
  spool.supersede(entryOf(8n, put('a', 'theirs'), { origin }))
  expect(spool.get('a')).toEqual(put('a', 'mine'))
  expect((await spool.oldest()).map(({ superseded }) => superseded)).toEqual([false])
})

test('it ends what is shown of a write that has landed before it, and of no other', async () => {
  const spool = await open()
  await spool.add(1n, [put('a', 'landed'), put('b', 'landed'), put('c', 'waits')], seen)
  spool.noteCommitted({ number: 2n, sequence: 20n })
  spool.supersede(entryOf(18n, put('a', 'theirs'), { origin }))
  expect(spool.get('a')).toEqual(put('a', 'landed'))
  for (const key of ['a', 'c']) spool.supersede(entryOf(21n, put(key, 'theirs'), { origin }))
  expect(['a', 'b', 'c'].map(spool.get)).toEqual([undefined, put('b', 'landed'), put('c', 'waits')])
  expect((await spool.oldest()).map(({ superseded }) => superseded)).toEqual([false, false, false])
})

test('what a write depends on is shown, weighed, and there again when it is opened anew', async () => {
  const after = parsePosition('beef4567=9,cafe0123=7,stamp=5')
  const writes = [{ ...put('a'), after }, { ...remove('b'), after }, put('c')]
  const first = await open()
  await first.add(1n, writes, seen)
  const { bytes } = first
  await first.close()
  const spool = await open(first.path)
  expect([spool.bytes, spool.get('a'), spool.get('b'), spool.get('c')]).toEqual([bytes, ...writes])
  expect((await spool.oldest()).map(({ write }) => write)).toEqual(writes)
  await spool.remove(await spool.oldest(), seen)
  expect(spool.bytes).toBe(0)
})

test('a superseding that is not on disk yet counts all the same', async () => {
  const spool = await open()
  await spool.add(1n, [put('a', '1')], seen)
  spool.supersede(entryOf(8n, remove('a')))
  expect((await spool.oldest())[0]?.superseded).toBe(true)
})

test('a large spool that is emptied gives its space back', async () => {
  const spool = await open()
  for (let i = 0; i < 20; i++) await spool.add(BigInt(i + 1), [put('a', Buffer.alloc(1024 * 1024, 'x'))], seen)
  while (spool.writes > 0) await spool.remove(await spool.oldest(), seen)
  await spool.close()
  expect(statSync(spool.path).size).toBeLessThan(100_000)
  expect(existsSync(`${spool.path}-wal`)).toBe(false)
})

test('a damaged file is named, and never taken for an empty spool', async () => {
  const path = join(makeDirectory(), 'spool.db')
  writeFileSync(path, 'not a database, but longer than the header of one would be, so that it is looked at')
  await expect(openSpool({ storage: makeSqliteStorage(path), maxBytes: 1e9 })).rejects.toThrow(
    /the spool .*spool\.db can’t be read .*nowhere else/,
  )
})

test('large values come back byte for byte, and are the caller’s as before', async () => {
  const value = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 31) % 256))
  const writes = [put('large', value), put('small', 'x'), remove('gone'), put('other', Buffer.from(value))]
  const spool = await open()
  await spool.add(1n, writes, seen)
  expect(spool.get('large')).toMatchObject({ value })
  for (const time of ['once', 'and again']) {
    const oldest = await spool.oldest()
    expect(
      oldest.map(({ write }) => write),
      time,
    ).toEqual(writes)
  }
  expect(value.length).toBe(200_000)
})

test('a value that is a window on a larger piece of memory does not keep that from being freed', async () => {
  const spool = await open()
  const large = Buffer.from('some of this is kept')
  await spool.add(1n, [{ kind: 'put', key: 'a', value: large.subarray(5, 7), contentType: undefined }], seen)
  const write = spool.get('a')
  expect(write).toEqual(put('a', 'of'))
  expect(write?.kind === 'put' && write.value.buffer.byteLength).toBe(2)
})

test('what moves between logs supersedes a write only where it is a value that the write had not seen', async () => {
  const spool = await open()
  const tag = 'beef4567-3-0000000a'
  await spool.add(1n, [put('a'), put('b'), put('c')], seen, true, () => ({ tag, deadline: undefined }))
  const moved = { isOwn: false, earlier: { tag, modifiedAt: 1 } }
  spool.supersede(entryOf(8n, put('a', 'moved'), moved))
  spool.supersede(entryOf(9n, remove('b'), moved))
  const newer = { tag: 'beef4567-4-0000000b', modifiedAt: 2 }
  spool.supersede(entryOf(10n, put('c', 'moved'), { ...moved, earlier: newer }))
  expect((await spool.oldest()).map(({ superseded }) => superseded)).toEqual([false, false, true])
})
