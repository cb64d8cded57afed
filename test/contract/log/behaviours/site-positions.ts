import { beforeEach, describe, expect, test } from 'vitest'
import { type LogSession, Unavailable } from '../../../../kvs/log/index.ts'
import { pointOf, put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { foreign, higherLog, lowerLog, oldStamp, openImport } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeSitePositions(makeServer: MakeLogServer): void {
  let server: LogServer
  let session: LogSession
  beforeEach(async () => {
    server = await makeServer()
    session = await server.makeLog().open()
    return () => session.close()
  })

  /** Two entries of other logs, an own one, one more of another log. Returns the stamp of the own one. */
  async function fill(): Promise<number> {
    const takeover = await openImport(server.makeSiteLog())
    await takeover.append([foreign(5n, put('a')), foreign(1n, put('b'), { logId: lowerLog })], 0n)
    const { stamp } = await session.append([put('c')])
    await takeover.append([foreign(6n, remove('a'))], 3n)
    await takeover.close()
    return stamp
  }

  /** What a checkpoint has: the kind, and more of each key. */
  async function load() {
    const loaded = new Map<string, unknown>()
    const at = await session.loadCheckpoint(({ bytes, keyStart, keyLength, kind, stamp, origin }) => {
      loaded.set(bytes.toString('utf8', keyStart, keyStart + keyLength), [kind, stamp, origin])
    })
    return { at, loaded: Object.fromEntries(loaded) }
  }

  describe('a reader of a log', () => {
    test('knows what the log has of each origin, itself included, through each sequence', async () => {
      await fill()
      const reader = await server.makeSiteLog().openReader()
      const { logId } = reader
      expect(logId).toBe(session.head.logId)
      const through = async (sequence: bigint) => Object.fromEntries((await reader.positionThrough(sequence)).sequences)
      // Forward and back
      expect(await through(4n)).toEqual({ [logId]: 3n, [higherLog]: 6n, [lowerLog]: 1n })
      expect(await through(0n)).toEqual({ [logId]: 0n })
      expect(await through(1n)).toEqual({ [logId]: 0n, [higherLog]: 5n })
      expect(await through(2n)).toEqual({ [logId]: 0n, [higherLog]: 5n, [lowerLog]: 1n })
      expect(await through(3n)).toEqual({ [logId]: 3n, [higherLog]: 5n, [lowerLog]: 1n })
      await session.append([put('d')])
      expect(await through(5n)).toEqual({ [logId]: 5n, [higherLog]: 6n, [lowerLog]: 1n })
      await reader.close()
    })

    test('knows a stamp at each sequence between those before and those that are written afterwards', async () => {
      const own = await fill()
      const { stamp: next } = await session.append([put('d')])
      const reader = await server.makeSiteLog().openReader()
      const stampAt = async (sequence: bigint) => (await reader.positionThrough(sequence)).stamp
      expect(await stampAt(0n)).toBe(0)
      expect(await stampAt(2n)).toBeGreaterThanOrEqual(oldStamp + 5)
      expect(await stampAt(2n)).toBeLessThan(own)
      expect(await stampAt(3n)).toBe(own)
      expect(await stampAt(4n)).toBeGreaterThanOrEqual(own)
      expect(await stampAt(4n)).toBeLessThan(next)
      expect(await stampAt(5n)).toBe(next)
      const far = Date.UTC(2150, 0, 1) * 1_000
      const takeover = await openImport(server.makeSiteLog())
      await takeover.append([foreign(7n, put('far'), { stamp: far }), foreign(8n, put('e'))], 5n)
      await takeover.close()
      expect(await stampAt(7n)).toBe(far)
      await reader.close()
    })

    test('knows the stamps of entries that were first written in the log, and of no others', async () => {
      const stamp = await fill()
      const reader = await server.makeSiteLog().openReader()
      const stamps = new Map<bigint, number | undefined>()
      for (const sequence of [0n, 1n, 3n, 4n, 5n]) stamps.set(sequence, await reader.stampAt(sequence))
      expect([...stamps].filter(([, stamp]) => stamp !== undefined)).toEqual([[3n, stamp]])
      await reader.close()
    })

    test('reads the log and its end, and no entry is its own', async () => {
      await fill()
      const reader = await server.makeSiteLog().openReader()
      const entries = (await readAll(session)).map((entry) => ({ ...entry, isOwn: false }))
      expect(await reader.read(0n)).toEqual(entries)
      expect(await reader.read(1n, 2n)).toEqual(entries.slice(1, 2))
      expect(await reader.read(4n)).toEqual([])
      expect(await reader.askHead()).toEqual(await session.askHead())
      const end = await session.append([put('later')])
      expect(await reader.askHead()).toEqual(pointOf(end))
      await reader.close()
    })

    test('is over when its connection is lost, or it is closed', async () => {
      const network = await server.makeNetwork()
      const reader = await server.makeSiteLog({ network }).openReader()
      network.cut()
      expect(await reader.lost).toBeInstanceOf(Unavailable)
      await expect(reader.askHead()).rejects.toThrow(Unavailable)
      await expect(reader.read(0n)).rejects.toThrow(Unavailable)
      await expect(reader.positionThrough(0n)).rejects.toThrow(Unavailable)
      await expect(reader.stampAt(1n)).rejects.toThrow(Unavailable)
      await expect(server.makeSiteLog({ network }).openReader()).rejects.toThrow(Unavailable)
      await expect(server.makeSiteLog({ network }).openImport()).rejects.toThrow(Unavailable)
      const other = await server.makeSiteLog().openReader()
      await other.close()
      await other.close()
      expect(await other.lost).toBeInstanceOf(Unavailable)
    })
  })

  describe('the checkpoint of a site', () => {
    test('has deleted keys once it is asked to, with their stamps, and from then on', async () => {
      const stamp = await fill()
      await server.advanceCheckpoint()
      expect((await load()).loaded).toEqual({ b: ['put', oldStamp + 1, lowerLog], c: ['put', stamp, undefined] })
      // A site does without it: an older put of another log would bring a key back.
      expect(await session.loadCheckpoint(() => expect.unreachable(), true)).toBeUndefined()
      await server.advanceCheckpoint('with tombstones')
      expect(await session.loadCheckpoint(() => undefined, true)).toBeDefined()
      expect((await load()).loaded).toEqual({
        a: ['delete', oldStamp + 6, higherLog],
        b: ['put', oldStamp + 1, lowerLog],
        c: ['put', stamp, undefined],
      })
      const { stamp: later } = await session.append([remove('c'), put('a')])
      await server.advanceCheckpoint()
      expect((await load()).loaded).toEqual({
        a: ['put', later, undefined],
        b: ['put', oldStamp + 1, lowerLog],
        c: ['delete', later, undefined],
      })
    })

    test('says what it has of each origin, and the highest stamp', async () => {
      const stamp = await fill()
      await server.advanceCheckpoint('with tombstones')
      const { at } = await load()
      expect(at?.sequence).toBe(4n)
      const { logId } = session.head
      expect(at?.position.stamp).toBe(stamp)
      expect(Object.fromEntries(at?.position.sequences ?? [])).toEqual({ [logId]: 3n, [higherLog]: 6n, [lowerLog]: 1n })
      const { stamp: later } = await session.append([put('d')])
      await server.advanceCheckpoint()
      const next = (await load()).at
      expect(next?.position.stamp).toBe(later)
      expect(next?.position.sequences.get(logId)).toBe(5n)
      expect(next?.position.sequences.get(lowerLog)).toBe(1n)
    })

    test('of a log that took nothing over names that log alone', async () => {
      const { stamp } = await session.append([put('a')])
      await server.advanceCheckpoint()
      expect((await load()).at?.position).toEqual({ sequences: new Map([[session.head.logId, 1n]]), stamp })
    })
  })
}
