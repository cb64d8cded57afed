import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ForeignEntry, Write } from '../../../../kvs/core/entry.ts'
import { formatPosition, type Position } from '../../../../kvs/core/position.ts'
import { type LogImport, type LogSession, Unappendable } from '../../../../kvs/log/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { decided, decidedTogether, foreign, higherLog, lowerLog, oldStamp, openImport, spooled } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeSites(makeServer: MakeLogServer): void {
  let server: LogServer
  let session: LogSession
  let takeover: LogImport
  beforeEach(async () => {
    server = await makeServer()
    session = await server.makeLog().open()
    takeover = await openImport(server.makeSiteLog())
  })
  afterEach(async () => void (await Promise.all([session.close(), takeover.close()])))

  /** Which entries after a sequence have no effect. */
  const supersededAfter = async (sequence: bigint) =>
    (await session.read(sequence)).map(({ write, superseded }) => [write.key, superseded])

  const lapsed = (key: string): Write => ({ ...remove(key), deadline: 1 })

  const after: Position = { sequences: new Map([['another1', 9n]]), stamp: oldStamp }

  const ofEachKind: readonly ForeignEntry[] = [
    foreign(3n, { ...put('a', 'é', 'text/x'), deadline: 5_000, after }),
    foreign(2n ** 40n, remove('b'), { logId: lowerLog }),
    foreign(7n, lapsed('c'), { superseded: true }),
    foreign(8n, put('d', '')),
  ]

  describe('entries of other logs', () => {
    test('come back with origin, stamp and dependency by read and replay', async () => {
      await session.append([put('own')])
      const end = await takeover.append(ofEachKind, 1n)
      expect(end.sequence).toBe(5n)
      const read = await session.read(1n)
      expect(read).toEqual(
        ofEachKind.map((entry, index) => ({
          ...entry,
          sequence: BigInt(index + 2),
          digest: end.digest,
          recordedAt: end.recordedAt,
          isOwn: false,
        })),
      )
      expect(await session.holds(end)).toBe(true)
      const later = await server.makeLog().open()
      const replayed: unknown[] = []
      await later.replay(1n, ({ kind, superseded, stamp, origin, originSequence, deadline, after }) => {
        replayed.push({ kind, superseded, stamp, origin, originSequence, deadline, after })
      })
      expect(replayed).toEqual(
        ofEachKind.map(({ write, superseded, stamp, origin }) => ({
          kind: write.kind,
          superseded,
          stamp,
          origin: origin.logId,
          originSequence: Number(origin.sequence),
          deadline: write.deadline,
          after: write.after && formatPosition(write.after),
        })),
      )
      await later.close()
    })

    test('come back from the checkpoint, the last one of each key that counts', async () => {
      await takeover.append(ofEachKind, 0n)
      await server.advanceCheckpoint('with tombstones')
      const loaded: unknown[] = []
      await session.loadCheckpoint(({ sequence, kind, stamp, origin, after }) => {
        loaded[sequence - 1] = [kind, stamp, origin, after]
      })
      expect(loaded).toEqual([
        ['put', oldStamp + 3, higherLog, formatPosition(after)],
        ['delete', oldStamp + 2 ** 40, lowerLog, undefined],
        undefined,
        ['put', oldStamp + 8, higherLog, undefined],
      ])
    })

    test('raise the log’s clock: what is written after them has a later stamp', async () => {
      const ahead = (Date.now() + 3_600_000) * 1_000
      const end = await takeover.append([foreign(1n, put('a'), { stamp: ahead }), foreign(2n, put('b'))], 0n)
      expect(end.stamp).toBeGreaterThanOrEqual(ahead)
      const { stamp } = await session.append([put('a')])
      expect(stamp).toBeGreaterThan(ahead)
      expect((await readAll(session)).map((entry) => entry.stamp)).toEqual([ahead, oldStamp + 2, stamp])
    })

    test('wake the nodes of the log', async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      session.onOthersAppended(resolve)
      await takeover.append([foreign(1n, put('a'))], 0n)
      await promise
    })

    test('overtake no spooled write, which lands later and so is the newer one', async () => {
      await takeover.append([foreign(1n, put('a'), { stamp: Date.now() * 1_000 })], 0n)
      await session.appendSpooled([spooled(1n, 'a')], 0n)
      expect(await supersededAfter(1n)).toEqual([['a', false]])
      const [theirs, ours] = await readAll(session)
      expect(ours?.stamp).toBeGreaterThan(theirs?.stamp ?? 0)
    })

    test('overtake a decision that rests on their key, where they have an effect', async () => {
      await takeover.append([foreign(1n, put('a')), foreign(2n, put('b'), { superseded: true })], 0n)
      const { verdicts } = await session.appendConditional([decided(put('a')), decided(put('b'))], 0n)
      expect(verdicts.map(({ outcome }) => outcome)).toEqual(['overtaken', 'landed'])
    })
  })

  describe('an entry of another log is superseded', () => {
    test('where the caller says so', async () => {
      await takeover.append([foreign(1n, put('a'), { superseded: true }), foreign(2n, put('b'))], 0n)
      expect(await supersededAfter(0n)).toEqual([
        ['a', true],
        ['b', false],
      ])
    })

    test('by one after `seen` with a later stamp, or the same one and a larger origin; and by no older one', async () => {
      const { stamp } = await session.append(['older', 'newer', 'lower', 'higher'].map((key) => put(key)))
      await takeover.append(
        [
          foreign(1n, put('older'), { stamp: stamp - 1 }),
          foreign(2n, put('newer'), { stamp: stamp + 1 }),
          foreign(3n, put('lower'), { stamp, logId: lowerLog }),
          foreign(4n, put('higher'), { stamp }),
          foreign(5n, put('none'), { stamp: oldStamp }),
        ],
        0n,
      )
      expect(await supersededAfter(4n)).toEqual([
        ['older', true],
        ['newer', false],
        ['lower', true],
        ['higher', false],
        ['none', false],
      ])
    })

    test('by an expiry with the same stamp, and is no expiry superseded by a put with the same stamp', async () => {
      const { stamp } = await session.append([
        { ...put('lapsed'), deadline: 1 },
        { ...put('lapses'), deadline: 1 },
      ])
      const current = { sequence: 1n, tag: '' }
      await session.appendConditional([decidedTogether([lapsed('lapsed')], { current })], 2n)
      await takeover.append(
        [
          foreign(1n, put('lapsed'), { stamp }),
          foreign(2n, lapsed('lapses'), { stamp, logId: lowerLog }),
          foreign(3n, put('lapsed'), { stamp: stamp + 1 }),
        ],
        0n,
      )
      expect(await supersededAfter(3n)).toEqual([
        ['lapsed', true],
        ['lapses', false],
        ['lapsed', false],
      ])
    })

    test('by none through `seen`, which the caller has ranked, and by none that has no effect', async () => {
      await session.append([put('seen')])
      await session.appendSpooled([spooled(2n, 'without effect', true)], 1n)
      await takeover.append([foreign(1n, put('seen')), foreign(2n, put('without effect'))], 1n)
      expect(await supersededAfter(2n)).toEqual([
        ['seen', false],
        ['without effect', false],
      ])
    })
  })

  describe('entries of other logs come once', () => {
    test.each([
      ['there already', () => [foreign(3n, put('c')), foreign(2n, put('b'))]],
      ['there already, in the middle', () => [foreign(1n, put('x'), { logId: lowerLog }), foreign(2n, put('b'))]],
      ['below one that is there', () => [foreign(1n, put('a'))]],
      ['twice in the batch', () => [foreign(3n, put('c')), foreign(3n, put('c'))]],
      ['before an earlier one in the batch', () => [foreign(4n, put('d')), foreign(3n, put('c'))]],
      ['the log’s own', () => [foreign(3n, put('c')), foreign(9n, put('own'), { logId: session.head.logId })]],
    ])('a batch with one that is %s is refused, and nothing of it stored', async (_, entries) => {
      await takeover.append([foreign(2n, put('b'))], 0n)
      await expect(takeover.append(entries(), 1n)).rejects.toThrow(Unappendable)
      expect(await readAll(session)).toHaveLength(1)
      await takeover.append([foreign(3n, put('c'))], 1n)
      expect(takeover.position.sequences).toEqual(new Map([[higherLog, 3n]]))
    })
  })
}
