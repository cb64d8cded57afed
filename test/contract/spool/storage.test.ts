import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SpooledWrite } from '../../../kvs/core/entry.ts'
import { maxDeadline } from '../../../kvs/core/limits.ts'
import { weight } from '../../../kvs/core/operation/operation.ts'
import { parsePosition } from '../../../kvs/core/position.ts'
import { maxStamp } from '../../../kvs/core/rank.ts'
import { makeSqliteStorage, type SpoolChange, type SpoolStorage } from '../../../kvs/spool/index.ts'
import { put, remove } from '../../support/entries.ts'
import { makeDirectory } from '../../support/node.ts'

/** For each implementation: makes a medium, and returns a function that opens it, again and again. */
const implementations: Readonly<Record<string, () => () => SpoolStorage>> = {
  SQLite: () => {
    const path = join(makeDirectory(), 'spool.db')
    return () => makeSqliteStorage(path)
  },
}

const position = { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') }
const nothing: SpoolChange = { removed: 0n, last: 0n, added: [], superseded: [], position }
const everything = { after: 0n, through: 1_000n, writes: 1_000, bytes: 1e9 }
const row = (number: bigint, key = `k${number}`) => ({ number, write: put(key, `value ${number}`) })
const numbersOf = (spooled: readonly SpooledWrite[]) => spooled.map(({ number }) => number)

describe.each(Object.entries(implementations))('a storage in %s', (_, makeMedium) => {
  function open(reopen = makeMedium()) {
    const storage = reopen()
    let isOpen = true
    const close = async () => {
      if (isOpen) await storage.close()
      isOpen = false
    }
    onTestFinished(close)
    const reopened = async () => {
      await close()
      return open(reopen)
    }
    return Object.assign(storage, { reopened })
  }

  test('a new one has no position and no writes', async () => {
    const storage = open()
    expect(await storage.position()).toBeUndefined()
    expect(await storage.read(everything)).toEqual([])
  })

  test('what a change has stored is there after it was closed and opened again', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 256))
    const writes = [
      put('a', bytes, 'text/html'),
      remove('b'),
      put('🔑 "\n', ''),
      { ...put('c', 'ends', 'a/b'), deadline: Date.UTC(2030, 0, 1, 0, 0, 0, 1) },
      { ...put('c', bytes), deadline: maxDeadline },
      { ...remove('c'), deadline: 0 },
      { ...put('d', bytes), after: parsePosition(`beef4567=${2n ** 63n - 1n},cafe0123=0,stamp=${maxStamp}`) },
      { ...put('d', 'ends', 'a/b'), deadline: 1, after: parsePosition('cafe0123=7') },
      { ...remove('d'), after: parsePosition('stamp=1') },
    ]
    const storage = open()
    await storage.change({ ...nothing, added: writes.map((write, index) => ({ number: BigInt(index + 5), write })) })
    const reopened = await storage.reopened()
    expect(await reopened.position()).toEqual(position)
    const expected = writes.map((write, index) => ({ number: BigInt(index + 5), superseded: false, write }))
    expect(await reopened.read(everything)).toEqual(expected)
  })

  test('a range is bounded by numbers, by writes and by bytes, but has at least one write', async () => {
    const storage = open()
    await storage.change({ ...nothing, added: [1n, 2n, 3n, 4n, 5n].map((number) => row(number)) })
    const size = weight(row(1n).write)
    expect(numbersOf(await storage.read({ ...everything, after: 1n, through: 4n }))).toEqual([2n, 3n, 4n])
    expect(numbersOf(await storage.read({ ...everything, writes: 2 }))).toEqual([1n, 2n])
    expect(numbersOf(await storage.read({ ...everything, bytes: 3 * size }))).toEqual([1n, 2n, 3n])
    expect(numbersOf(await storage.read({ ...everything, bytes: 3 * size - 1 }))).toEqual([1n, 2n])
    expect(numbersOf(await storage.read({ ...everything, after: 3n, bytes: 1 }))).toEqual([4n])
  })

  test('a change removes what the log has, and what a failed change has left', async () => {
    const storage = open()
    await storage.change({ ...nothing, added: [row(1n), row(2n), row(3n), row(4n)] })
    await storage.change({ ...nothing, removed: 1n, last: 2n, added: [row(5n)] })
    expect(numbersOf(await storage.read(everything))).toEqual([2n, 5n])
    await storage.change({ ...nothing, removed: 5n, last: 5n, position: { ...position, sequence: 9n } })
    expect(await storage.read(everything)).toEqual([])
    expect((await storage.position())?.sequence).toBe(9n)
    await storage.shrink()
    expect(numbersOf(await (await storage.reopened()).read(everything))).toEqual([])
  })

  test('a key’s writes are superseded up to a number, and later ones are not', async () => {
    const storage = open()
    const added = [row(1n, 'a'), row(2n, 'b'), row(3n, 'a')]
    await storage.change({ ...nothing, added })
    await storage.change({ ...nothing, last: 3n, added: [row(4n, 'a')], superseded: [['a', 3n]] })
    const isSuperseded = async (from: SpoolStorage) => (await from.read(everything)).map(({ superseded }) => superseded)
    expect(await isSuperseded(storage)).toEqual([true, false, true, false])
    expect(await isSuperseded(await storage.reopened())).toEqual([true, false, true, false])
  })

  test('a write keeps what it had seen, until an earlier one of its key has landed', async () => {
    const storage = open()
    const seen = { tag: 'cafe0123-7-0000000a', deadline: undefined }
    const ending = { tag: 'cafe0123-6-0000000b', deadline: 5 }
    const added = [
      { ...row(1n, 'a'), seen },
      { ...row(2n, 'b'), seen: { tag: '', deadline: undefined } },
      { ...row(3n, 'a'), seen: ending },
      row(4n, 'c'),
      { number: 5n, write: put('b', 'v'.repeat(100_000)), seen: ending },
    ]
    await storage.change({ ...nothing, added })
    const seenIn = async (from: SpoolStorage) => (await from.read(everything)).map(({ seen }) => seen)
    expect(await seenIn(storage)).toEqual(added.map((write) => ('seen' in write ? write.seen : undefined)))
    const since = { tag: 'cafe0123-8-0000000c', deadline: 9 }
    await storage.change({ ...nothing, removed: 1n, last: 5n, seen: [['a', 5n, since]] })
    await storage.change({ ...nothing, removed: 1n, last: 5n, added: [{ ...row(6n, 'a'), seen }] })
    const expected = [{ tag: '', deadline: undefined }, since, undefined, ending, seen]
    expect(await seenIn(storage)).toEqual(expected)
    const reopened = await storage.reopened()
    expect(await seenIn(reopened)).toEqual(expected)
    await reopened.change({ ...nothing, removed: 5n, last: 6n })
    expect(await seenIn(reopened)).toEqual([seen])
  })

  test('calls are executed in the order in which they were made', async () => {
    const storage = open()
    const calls = [
      storage.change({ ...nothing, added: [row(1n)] }),
      storage.read(everything),
      storage.change({ ...nothing, last: 1n, added: [row(2n)] }),
      storage.read(everything),
      storage.change({ ...nothing, removed: 2n, last: 2n }),
      storage.read(everything),
    ]
    const results = await Promise.all(calls)
    expect(results.filter((_, index) => index % 2 === 1).map((read) => numbersOf(read as SpooledWrite[]))).toEqual([
      [1n],
      [1n, 2n],
      [],
    ])
  })
})
