import { beforeEach, describe, expect, test } from 'vitest'
import { positionAt } from '../../../../kvs/core/position.ts'
import { type LogImport, type LogSession, Unavailable } from '../../../../kvs/log/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { foreign, higherLog, lowerLog, oldStamp, openImport } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeForgetting(makeServer: MakeLogServer): void {
  let server: LogServer
  let session: LogSession
  let takeover: LogImport
  beforeEach(async () => {
    server = await makeServer()
    session = await server.makeLog().open()
    takeover = await openImport(server.makeSiteLog())
    return async () => {
      await takeover.close()
      await session.close()
    }
  })

  /** The keys of the checkpoint, with the deleted ones, and what it is at; undefined where it is broken. */
  async function load() {
    const loaded: string[] = []
    const at = await session.loadCheckpoint(({ bytes, keyStart, keyLength, kind }) => {
      loaded.push(`${kind} ${bytes.toString('utf8', keyStart, keyStart + keyLength)}`)
    }, true)
    return at && { at, loaded: loaded.toSorted() }
  }

  describe('the stamp through which deletes may be forgotten', () => {
    test('is 0 at first, rises, and is never lowered', async () => {
      const siteLog = server.makeSiteLog()
      expect([takeover.forgotten, await siteLog.readForgotten()]).toEqual([0, 0])
      for (const [asked, there] of [
        [oldStamp, oldStamp],
        [oldStamp - 1, oldStamp],
        [oldStamp + 7, oldStamp + 7],
      ] as const) {
        await takeover.forget(asked)
        expect([takeover.forgotten, await siteLog.readForgotten()]).toEqual([there, there])
      }
      await takeover.close()
      await takeover.lost
      await expect(takeover.forget(oldStamp + 8)).rejects.toThrow(Unavailable)
    })

    test('is there for the next one that takes entries over, and does not keep anybody from appending', async () => {
      await takeover.forget(oldStamp)
      await session.append([put('a')])
      await takeover.append([foreign(1n, put('b'))], 1n)
      await takeover.close()
      const next = await (async () => {
        for (;;) {
          const opened = await server.makeSiteLog().openImport()
          if (opened !== undefined) return opened
        }
      })()
      expect(next.forgotten).toBe(oldStamp)
      await next.close()
    })
  })

  describe('the checkpoint of a site', () => {
    test('drops the deletes that may be forgotten, no others, and is whole', async () => {
      await takeover.append(
        [foreign(1n, remove('a')), foreign(2n, remove('b')), foreign(3n, put('c')), foreign(4n, remove('d'))],
        0n,
      )
      await server.advanceCheckpoint('with tombstones')
      expect((await load())?.loaded).toEqual(['delete a', 'delete b', 'delete d', 'put c'])
      await takeover.forget(oldStamp + 3)
      // Without any new entry
      await server.advanceCheckpoint('with tombstones')
      expect((await load())?.loaded).toEqual(['delete d', 'put c'])
      expect((await load())?.at.sequence).toBe(4n)
    })

    test('keeps deletes that others depend on by them', async () => {
      const after = positionAt('lost', 7n)
      await takeover.append([foreign(1n, { ...remove('a'), after }), foreign(2n, remove('b'))], 0n)
      await server.advanceCheckpoint('with tombstones')
      await takeover.forget(oldStamp + 2)
      await server.advanceCheckpoint('with tombstones')
      await takeover.append([foreign(3n, { ...remove('c'), after }, { logId: lowerLog })], 2n)
      await server.advanceCheckpoint('with tombstones')
      expect((await load())?.loaded).toEqual(['delete a', 'delete c'])
      expect((await load())?.at.forgotten).toBe(oldStamp + 2)
    })

    test('does not take up later ones that may be forgotten, and replaces what they delete', async () => {
      await takeover.append([foreign(1n, put('a')), foreign(2n, put('b'))], 0n)
      await takeover.forget(oldStamp + 3)
      await server.advanceCheckpoint('with tombstones')
      await takeover.append([foreign(3n, remove('a')), foreign(4n, remove('b')), foreign(5n, remove('x'))], 2n)
      await server.advanceCheckpoint('with tombstones')
      expect((await load())?.loaded).toEqual(['delete b', 'delete x'])
      await session.append([put('a'), remove('y')])
      await server.advanceCheckpoint('with tombstones')
      expect((await load())?.loaded).toEqual(['delete b', 'delete x', 'delete y', 'put a'])
    })

    test('that is made anew lacks them as well', async () => {
      await takeover.append([foreign(1n, remove('a')), foreign(2n, remove('b'))], 0n)
      await server.advanceCheckpoint()
      await takeover.forget(oldStamp + 1)
      await server.advanceCheckpoint('with tombstones')
      expect((await load())?.loaded).toEqual(['delete b'])
    })
  })

  describe('the deletes of a log', () => {
    test('can be read, expiries too, by place and stamp; those without an effect are left out', async () => {
      await takeover.append(
        [
          foreign(1n, remove('a')),
          foreign(2n, put('b')),
          foreign(1n, { ...remove('a'), deadline: 7 }, { logId: lowerLog }),
          foreign(3n, remove('c'), { superseded: true }),
          foreign(9n, remove('late')),
        ],
        0n,
      )
      const { stamp } = await session.append([remove('own')])
      async function read(after: bigint, through: bigint, upTo: number) {
        const keys: string[] = []
        for (let at = after; at < through; ) {
          const { reached, deletes } = await takeover.readDeletes(at, through, upTo)
          expect(reached).toBeGreaterThan(at)
          for (const { key, ...rank } of deletes) keys.push(`${key} ${JSON.stringify(rank)}`)
          at = reached
        }
        return keys
      }
      const text = (key: string, stamp: number, isExpiry: boolean, origin: string) =>
        `${key} ${JSON.stringify({ stamp, isExpiry, origin })}`
      const [a, expired, late] = [
        text('a', oldStamp + 1, false, higherLog),
        text('a', oldStamp + 1, true, lowerLog),
        text('late', oldStamp + 9, false, higherLog),
      ]
      expect(await read(0n, 6n, stamp)).toEqual([a, expired, late, text('own', stamp, false, takeover.logId)])
      expect(await read(0n, 6n, oldStamp + 3)).toEqual([a, expired])
      expect(await read(1n, 4n, stamp)).toEqual([expired])
      expect(await takeover.askHead()).toEqual(await session.askHead())
    })
  })
}
