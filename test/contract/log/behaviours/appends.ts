import { beforeEach, describe, expect, test } from 'vitest'
import type { LogSession } from '../../../../kvs/log/index.ts'
import { pointOf, put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeAppends(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  describe('append and read', () => {
    test('a new log is empty, and has an id', async () => {
      const session = await server.makeLog().open()
      expect(session.head).toMatchObject({ sequence: 0n, entries: 0n, adoptedThrough: 0n })
      expect(session.head.logId).toMatch(/^[0-9a-f]{8}$/)
      expect(session.committed.number).toBe(0n)
      expect((await session.askHead()).sequence).toBe(0n)
      expect(await session.read(0n)).toEqual([])
      expect(session.description).not.toBe('')
      await session.close()
    })

    test('entries come back byte for byte, in order, at consecutive sequences', async () => {
      const session = await server.makeLog().open()
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const writes = [
        put('a', every),
        put('', ''),
        remove('gone'),
        put('emoji 😀 "quoted" \\ back', 'é', 'text/html; charset="x"'),
        put('a', 'again', ''),
      ]
      expect((await session.append(writes)).sequence).toBe(5n)
      expect((await session.append([put('b')])).sequence).toBe(6n)
      const entries = await readAll(session)
      expect(entries.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n, 6n])
      expect(entries.slice(0, 5).map(({ write }) => write)).toEqual(writes)
      expect(entries.some(({ superseded }) => superseded)).toBe(false)
      await session.close()
    })

    test('a text that UTF-8 can’t have comes back as UTF-8 has it', async () => {
      const session = await server.makeLog().open()
      await session.append([put('half of an emoji: \ud83d', 'v', 'a/\udc00')])
      expect((await session.read(0n)).map(({ write }) => write)).toEqual([
        put('half of an emoji: \ufffd', 'v', 'a/\ufffd'),
      ])
      await session.close()
    })

    test('what an append returns is committed: whoever asks afterwards sees it', async () => {
      const session = await server.makeLog().open()
      const end = await session.append([put('a'), put('b')])
      const other = await server.makeLog().open()
      expect(other.head).toMatchObject({ logId: session.head.logId, sequence: 2n, entries: 2n })
      expect(await other.askHead()).toEqual(pointOf(end))
      expect((await readAll(other)).map(({ write }) => write.key)).toEqual(['a', 'b'])
      expect(session.head.sequence).toBe(0n) // as it was when that session was opened
      await Promise.all([session.close(), other.close()])
    })

    test('the entries of a batch have its digest, which is that of the log’s end', async () => {
      const session = await server.makeLog().open()
      const first = await session.append([put('a'), put('b')])
      const second = await session.append([put('c')])
      expect((await readAll(session)).map(({ digest }) => digest)).toEqual([first.digest, first.digest, second.digest])
      expect(first.digest).toHaveLength(8)
      expect(second.digest).not.toEqual(first.digest)
      expect(session.committed).toEqual({ number: 3n, end: second })
      await session.close()
    })

    test('the same writes in another log have other digests', async () => {
      const logs = [server, await makeServer()]
      const ends = await Promise.all(
        logs.map(async (log) => {
          const session = await log.makeLog().open()
          const end = await session.append([put('a')])
          await session.close()
          return end
        }),
      )
      expect(ends[0]?.sequence).toBe(ends[1]?.sequence)
      expect(ends[0]?.digest).not.toEqual(ends[1]?.digest)
    })

    test('writers that append at once share one gapless sequence, each batch in one piece', async () => {
      const sessions = await Promise.all(Array.from({ length: 5 }, () => server.makeLog().open()))
      await Promise.all(
        sessions.map(async (session, writer) => {
          for (let i = 0; i < 25; i++) await session.append([put(`${writer}-${i}`), put(`${writer}-${i}b`)])
        }),
      )
      const entries = await readAll(sessions[0] as LogSession)
      expect(entries.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 250 }, (_, i) => BigInt(i + 1)))
      const keys = entries.map(({ write }) => write.key)
      expect(keys.filter((_, i) => i % 2 === 1)).toEqual(keys.filter((_, i) => i % 2 === 0).map((key) => `${key}b`))
      await Promise.all(sessions.map((session) => session.close()))
    })

    test('a session knows which entries are its own node’s, those of earlier sessions among them', async () => {
      const log = server.makeLog()
      const session = await log.open()
      await session.append([put('mine')])
      const other = await server.makeLog().open()
      await other.append([put('theirs')])
      expect((await readAll(session)).map(({ isOwn }) => isOwn)).toEqual([true, false])
      await session.close()
      const again = await log.open()
      expect((await readAll(again)).map(({ isOwn }) => isOwn)).toEqual([true, false])
      await Promise.all([again.close(), other.close()])
    })

    test('a value’s buffer is its giver’s again after the append, and its reader’s after the read', async () => {
      const session = await server.makeLog().open()
      const value = Buffer.alloc(10_000, 'value')
      const write = put('a', value)
      await session.append([{ ...write, value } as typeof write])
      value.fill(0)
      const [read] = await session.read(0n)
      expect(read?.write).toEqual(write)
      if (read?.write.kind === 'put') read.write.value.fill(0)
      read?.digest.fill(0)
      const [again] = await session.read(0n)
      expect(again?.write).toEqual(write)
      expect(await session.holds(again ?? { sequence: 1n, digest: Buffer.alloc(8) })).toBe(true)
      await session.close()
    })
  })

  describe('a page', () => {
    test('is bounded in bytes, though never empty before the end, and deletes do not tear it', async () => {
      const session = await server.makeLog().open()
      const big = Buffer.alloc(3 * 1024 * 1024, 'x')
      for (let i = 0; i < 4; i++) await session.append([put(`k${i}`, big), remove('x')])
      const page = await session.read(0n)
      expect(page.length).toBeLessThan(8)
      expect(page.map(({ sequence }) => sequence)).toEqual(page.map((_, index) => BigInt(index + 1)))
      expect(await readAll(session)).toHaveLength(8)
      await session.close()
    })

    test('is bounded in entries', async () => {
      const session = await server.makeLog().open()
      for (let i = 0; i < 6; i++) await session.append(Array.from({ length: 1_000 }, (_, n) => put(`k${i}-${n}`)))
      expect(await session.read(0n)).toHaveLength(5_000)
      expect(await session.read(5_000n)).toHaveLength(1_000)
      await session.close()
    })

    test('goes through the sequence that it is asked for, and is empty past the end', async () => {
      const session = await server.makeLog().open()
      await session.append([put('a'), put('b'), put('c'), put('d')])
      expect((await session.read(1n, 3n)).map(({ sequence }) => sequence)).toEqual([2n, 3n])
      expect(await session.read(3n, 3n)).toEqual([])
      expect(await session.read(4n)).toEqual([])
      expect(await session.read(9n, 20n)).toEqual([])
      await session.close()
    })
  })
}
