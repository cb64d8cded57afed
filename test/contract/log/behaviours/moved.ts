import { beforeEach, describe, expect, test } from 'vitest'
import { type EarlierVersion, formatEarlier } from '../../../../kvs/core/earlier-version.ts'
import type { MovedWrite } from '../../../../kvs/core/entry.ts'
import {
  type KeyMover,
  type LogSession,
  NotAppended,
  siteWriterId,
  Unavailable,
  Undecided,
} from '../../../../kvs/log/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { until } from '../../../support/until.ts'
import { decided, spooled, under, versionIn } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeMoved(makeServer: MakeLogServer): void {
  let server: LogServer
  let session: LogSession
  beforeEach(async () => {
    server = await makeServer()
    session = await server.makeLog().open()
  })

  /** As soon as the one before is gone. */
  const openMover = (options?: Parameters<LogServer['makeRingLog']>[0]): Promise<KeyMover> =>
    until('the lead', () => server.makeRingLog(options).openMover())
  const appendRing = (text: string, seen: bigint) => server.makeRingLog().append(text, seen, [])
  const keysIn = async (log: LogSession) => (await readAll(log)).map(({ write }) => write.key)

  describe('keys that move', () => {
    const deadline = Date.UTC(2090, 0, 1)
    const moved: readonly MovedWrite[] = [
      movedPut('a', 7n),
      { write: { ...put('ä', Buffer.alloc(5_000, 'x'), 'text/x'), deadline }, earlier: versionOf(8n) },
      movedDelete('gone', 9n),
    ]

    test('land as one batch, each with its earlier version', async () => {
      await session.append([put('before')])
      let notified = 0
      session.onOthersAppended(() => notified++)
      const mover = await openMover()
      expect(mover.logId).toBe(session.head.logId)
      const end = await mover.append(moved, 0n)
      const { sequence, digest } = await session.askHead()
      expect(end).toMatchObject({ sequence: 4n, digest })
      expect(sequence).toBe(4n)
      await expect.poll(() => notified).toBeGreaterThan(0)
      const [before, ...entries] = await session.read(0n)
      expect(before?.earlier).toBeUndefined()
      const { digest: ofBatch, recordedAt, stamp } = end ?? {}
      expect(entries).toMatchObject(
        moved.map(({ write, earlier }, index) => ({
          ...{ sequence: BigInt(index + 2), digest: ofBatch, recordedAt, stamp, write, earlier },
          ...{ superseded: false, isOwn: false, origin: undefined },
        })),
      )
      expect(stamp).toBeGreaterThan(before?.stamp ?? Infinity)
      await mover.append([movedPut('next', 10n)], 0n)
      expect(await keysIn(session)).toEqual(['before', 'a', 'ä', 'gone', 'next'])
      await mover.close()
    })

    test('have it in a replay as well, and those that did not move have none', async () => {
      await session.append([put('before')])
      const mover = await openMover()
      await mover.append(moved, 0n)
      await session.append([put('after')])
      await openNext()
      const replayed: unknown[] = []
      await session.replay(0n, ({ earlier }) => void replayed.push(earlier))
      const texts = moved.map(({ earlier }) => formatEarlier(earlier))
      expect(replayed).toEqual([undefined, ...texts, undefined])
      await mover.close()
    })

    test('have it in the checkpoint, until a client gives them another value', async () => {
      await session.append([put('before'), put('a', 'old')])
      await server.advanceCheckpoint()
      const mover = await openMover()
      await mover.append(moved, 0n)
      await server.advanceCheckpoint()
      const found = async () => {
        const loaded = new Map<string, unknown>()
        await openNext()
        const at = await session.loadCheckpoint(({ bytes, keyStart, keyLength, earlier }) => {
          loaded.set(bytes.toString('utf8', keyStart, keyStart + keyLength), earlier)
        })
        return [at?.sequence, Object.fromEntries(loaded)]
      }
      const of = (index: number) => moved[index] && formatEarlier(moved[index].earlier)
      expect(await found()).toEqual([5n, { before: undefined, a: of(0), ä: of(1) }])
      await session.append([put('a', 'new')])
      await mover.append([movedPut('before', 20n), movedDelete('ä', 8n)], 0n)
      await server.advanceCheckpoint()
      expect(await found()).toEqual([8n, { before: formatEarlier(versionOf(20n)), a: undefined }])
      await mover.close()
    })

    test('are refused where the log has another entry on the ring, newer or older, and nothing is stored', async () => {
      const mover = await openMover()
      expect(await mover.append([movedPut('a', 1n)], 1n)).toBeUndefined()
      await appendRing('one', 0n)
      expect(await mover.append([movedPut('b', 1n)], 0n)).toBeUndefined()
      expect(await mover.append([movedPut('c', 1n)], 1n)).toMatchObject({ sequence: 2n })
      await appendRing('two', 2n)
      expect(await mover.append([movedPut('d', 1n)], 1n)).toBeUndefined()
      expect(await mover.append([movedPut('e', 1n)], 3n)).toMatchObject({ sequence: 4n })
      expect(await keysIn(session)).toEqual(['one', 'c', 'two', 'e'])
      await mover.close()
    })

    test('are refused as any batch is that the log does not take, and the mover goes on', async () => {
      await server.refuseKey('refused')
      const mover = await openMover()
      await expect(mover.append([movedPut('a', 1n), movedPut('refused', 2n)], 0n)).rejects.toThrow(NotAppended)
      expect(await mover.append([movedPut('a', 1n)], 0n)).toMatchObject({ sequence: 1n })
      await mover.close()
    })
  })

  describe('the mover', () => {
    test('is one at a time; the next one comes after its end', async () => {
      const ringLog = server.makeRingLog()
      const first = await openMover()
      expect(await ringLog.openMover()).toBeUndefined()
      await first.append([movedPut('a', 1n)], 0n)
      await first.close()
      await first.close()
      expect(await first.lost).toBeInstanceOf(Unavailable)
      const second = await openMover()
      await second.append([movedPut('b', 2n)], 0n)
      expect(await keysIn(session)).toEqual(['a', 'b'])
      await second.close()
    })

    test('is beside an import, which has a lead of its own', async () => {
      const mover = await openMover()
      const one = await server.makeSiteLog().openImport()
      expect(one).toBeDefined()
      expect(await server.makeRingLog().openMover()).toBeUndefined()
      await Promise.all([mover.close(), one?.close()])
    })

    test('lands nothing late once another has come', async () => {
      const network = await server.makeNetwork()
      const first = await openMover({ network })
      await first.append([movedPut('a', 1n)], 0n)
      network.holdRequests()
      const late = first.append([movedPut('late', 2n)], 0n).catch((error) => error)
      // As a mover that has the lead, since the server takes the first one for gone
      const next = await server.makeLog({ writerId: siteWriterId('move', first.logId) }).open()
      network.heal()
      expect(await late).toBeInstanceOf(Unavailable)
      expect(await keysIn(next)).toEqual(['a'])
      await Promise.all([first.close(), next.close()])
    })

    test('tells that it does not know, where its answer was lost', async () => {
      const network = await server.makeNetwork()
      const first = await openMover({ network, timeoutMs: 500 })
      network.loseAnswers()
      await expect(first.append([movedPut('a', 1n)], 0n)).rejects.toThrow(Undecided)
      expect(await first.lost).toBeInstanceOf(Unavailable)
      network.heal()
      const second = await openMover()
      expect(await keysIn(session)).toEqual(['a'])
      await second.append([movedPut('b', 2n)], 0n)
      await second.close()
    })
  })

  describe('a reader for another member', () => {
    test('reads what a session reads, as nobody’s own', async () => {
      await session.append([put('a'), put('b')])
      const mover = await openMover()
      await mover.append([movedPut('c', 1n)], 0n)
      const reader = await server.makeRingLog().openReader()
      expect(reader.logId).toBe(session.head.logId)
      expect(await reader.askHead()).toEqual(await session.askHead())
      const entries = (await session.read(0n)).map((entry) => ({ ...entry, isOwn: false }))
      expect(await reader.read(0n)).toEqual(entries)
      expect(await reader.read(1n, 2n)).toEqual(entries.slice(1, 2))
      await Promise.all([reader.close(), mover.close()])
      expect(await reader.lost).toBeInstanceOf(Unavailable)
      await expect(reader.read(0n)).rejects.toThrow(Unavailable)
    })
  })

  describe('a spooled write', () => {
    test('is superseded by a moved put and by a client’s delete, and not by a moved delete', async () => {
      await session.append([put('removed'), put('moved away')])
      const other = await server.makeLog().open()
      const mover = await openMover()
      await mover.append([movedDelete('moved away', 1n), movedPut('moved here', 2n)], 0n)
      await other.append([remove('removed')])
      await session.appendSpooled([spooled(3n, 'removed'), spooled(4n, 'moved away'), spooled(5n, 'moved here')], 2n)
      const entries = (await session.read(5n)).map(({ write, superseded }) => [write.key, superseded])
      expect(entries).toEqual([
        ['removed', true],
        ['moved away', false],
        ['moved here', true],
      ])
      await Promise.all([other.close(), mover.close()])
    })
  })

  describe('a decision', () => {
    test('is overtaken by what moves', async () => {
      await session.append([put('a'), put('b')])
      const mover = await openMover()
      await mover.append([movedDelete('a', 1n), movedPut('b', 2n)], 0n)
      const { verdicts } = await session.appendConditional([decided(put('a')), decided(put('b'))], 2n)
      expect(verdicts).toMatchObject([{ outcome: 'overtaken' }, { outcome: 'overtaken' }])
      await mover.close()
    })

    test('that was answered before tells the earlier version of a value that had moved, and else its own', async () => {
      await session.append([put('here')])
      const mover = await openMover()
      await mover.append([movedPut('moved', 7n)], 0n)
      const asked = [
        decided(put('moved', 'x'), { current: { sequence: 2n, tag: versionOf(7n).tag }, idempotency: under('k1') }),
        decided(put('here', 'x'), { lands: false, current: await versionIn(session, 1n), idempotency: under('k2') }),
        decided(remove('none'), { lands: false, idempotency: under('k3') }),
      ]
      const first = await session.appendConditional(asked, 2n)
      expect(first.verdicts.map(({ outcome }) => outcome)).toEqual(['landed', 'refused', 'refused'])
      const again = await session.appendConditional(
        asked.map((one) => ({ ...one, current: undefined })),
        3n,
      )
      expect(again.verdicts).toMatchObject([
        { outcome: 'answered', entry: { sequence: 3n }, current: { sequence: 2n, tag: versionOf(7n).tag } },
        { outcome: 'answered', current: await versionIn(session, 1n) },
        { outcome: 'answered', current: undefined },
      ])
      await mover.close()
    })
  })

  async function openNext(): Promise<void> {
    const next = await server.makeLog().open()
    await session.close()
    session = next
  }
}

function versionOf(sequence: bigint): EarlierVersion {
  return { tag: `cafe0123-${sequence}-0123abcd`, modifiedAt: 1_700_000_000_000 + Number(sequence) }
}

function movedPut(key: string, sequence: bigint): MovedWrite {
  return { write: put(key, `${sequence}`), earlier: versionOf(sequence) }
}

function movedDelete(key: string, sequence: bigint): MovedWrite {
  return { write: remove(key), earlier: versionOf(sequence) }
}
