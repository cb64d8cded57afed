import { beforeEach, describe, expect, test } from 'vitest'
import type { PackedEntry } from '../../../../kvs/core/entry.ts'
import { Diverged, Unavailable } from '../../../../kvs/log/index.ts'
import { makeView } from '../../../../kvs/view/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { spooled } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeReplay(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  async function fill(): Promise<void> {
    const session = await server.makeLog().open()
    await session.append([
      put('plain', 'text', 'text/plain'),
      put('bytes', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))),
      { ...put('empty', ''), deadline: Date.UTC(2030, 0, 1) },
      put('é ☃ 😀', 'x', 'text/html; charset="é"'),
      put('gone', 'soon'),
      remove('gone'),
      put('large', Buffer.alloc(1024 * 1024, 'large'), 'a/b'),
    ])
    await session.appendSpooled([spooled(8n, 'plain', true)], session.head.sequence)
    await session.append([put('last', 'of all')])
    await session.close()
  }

  const keys = ['plain', 'bytes', 'empty', 'é ☃ 😀', 'gone', 'large', 'last']

  describe('replay', () => {
    test('gives the view that reading page by page gives, down to the digest', async () => {
      await fill()
      const session = await server.makeLog().open()
      const paged = makeView()
      for (const entry of await session.read(0n)) paged.apply(entry)
      const replayed = makeView()
      const objects = new Set<PackedEntry>()
      await session.replay(0n, (entry) => {
        objects.add(entry)
        replayed.applyPacked(entry)
      })
      expect(objects.size).toBe(1)
      expect(replayed.position).toEqual(paged.position)
      expect(replayed.size).toBe(paged.size)
      for (const key of keys) expect(replayed.get(key), key).toEqual(paged.get(key))
      expect(await session.holds(replayed.position)).toBe(true)
      await session.close()
    })

    test('goes on after an entry, and ends at the head that its session has seen', async () => {
      await fill()
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      await other.append([put('later')])
      const sequences: number[] = []
      await session.replay(6n, ({ sequence }) => void sequences.push(sequence))
      expect(sequences).toEqual([7, 8, 9])
      await session.replay(9n, () => expect.unreachable())
      expect((await session.append([put('the session is still good')])).sequence).toBe(11n)
      await Promise.all([session.close(), other.close()])
    })

    test('rejects with what an entry is refused with, and its session is over', async () => {
      await fill()
      const session = await server.makeLog().open()
      const refusal = new Error('not this one')
      const applied: number[] = []
      const replay = session.replay(0n, ({ sequence }) => {
        if (sequence === 3) throw refusal
        applied.push(sequence)
      })
      await expect(replay).rejects.toBe(refusal)
      expect(applied).toEqual([1, 2])
      expect(await session.lost).toBeInstanceOf(Unavailable)
    })

    test('and read skip no entry of an unknown kind', async () => {
      await fill()
      await server.insertByHand('of an unknown kind')
      const session = await server.makeLog().open()
      const diverged = new Diverged('entry 10 of the log has the unknown event_type 7')
      await expect(session.read(0n)).rejects.toThrow(diverged)
      await expect(session.replay(0n, () => undefined)).rejects.toThrow(diverged)
      expect(await session.lost).toBeInstanceOf(Unavailable)
    })
  })

  describe('the checkpoint', () => {
    test('is none before there is one', async () => {
      await fill()
      const session = await server.makeLog().open()
      expect(await session.loadCheckpoint(() => expect.unreachable())).toBeUndefined()
      await session.close()
    })

    test('has the live keys as of its position, from where a replay goes on', async () => {
      await fill()
      await server.advanceCheckpoint()
      const writer = await server.makeLog().open()
      await writer.append([remove('empty'), put('plain', 'newer')])
      await writer.close()
      const session = await server.makeLog().open()
      const whole = makeView()
      await session.replay(0n, whole.applyPacked)
      const view = makeView()
      const at = await session.loadCheckpoint(view.load)
      expect(at?.sequence).toBe(9n)
      expect(at && (await session.holds(at))).toBe(true)
      if (at) view.loaded(at)
      await session.replay(9n, view.applyPacked)
      expect(view.position).toEqual(whole.position)
      expect(view.size).toBe(whole.size)
      for (const key of keys) expect(view.get(key), key).toEqual(whole.get(key))
      await session.close()
    })

    test('is not used where it has lost a key; it is made anew then', async () => {
      await fill()
      await server.advanceCheckpoint()
      await server.damageCheckpoint()
      const warnings: string[] = []
      const session = await server.makeLog({ warn: (message) => warnings.push(message) }).open()
      expect(await session.loadCheckpoint(() => undefined)).toBeUndefined()
      expect(warnings).toEqual([expect.stringContaining('the checkpoint at 9 is broken')])
      await server.advanceCheckpoint()
      expect((await session.loadCheckpoint(() => undefined))?.sequence).toBe(9n)
      await session.close()
    })

    test('is not used where the log went back and on from there, whatever the sequences', async () => {
      const log = server.makeLog()
      const session = await log.open()
      await session.append([put('a')])
      const restore = await server.copy()
      await session.append([put('b')])
      await server.advanceCheckpoint()
      await session.close()
      await restore()
      const other = await server.makeLog().open()
      await other.append([put('c')])
      expect(await other.loadCheckpoint(() => undefined)).toBeUndefined()
      await other.close()
    })

    test('rejects with what a key is refused with, and its session is over', async () => {
      await fill()
      await server.advanceCheckpoint()
      const session = await server.makeLog().open()
      const refusal = new Error('not this one')
      const load = session.loadCheckpoint(() => {
        throw refusal
      })
      await expect(load).rejects.toBe(refusal)
      expect(await session.lost).toBeInstanceOf(Unavailable)
    })
  })
}
