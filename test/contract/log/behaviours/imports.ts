import { beforeEach, describe, expect, test } from 'vitest'
import { type LogImport, siteWriterId, Unappendable, Unavailable, Undecided } from '../../../../kvs/log/index.ts'
import { put } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { until } from '../../../support/until.ts'
import { foreign, higherLog, lowerLog, oldStamp, openImport } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeImports(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
    await (await server.makeLog().open()).close()
  })

  /** As soon as the one before is gone. */
  const openNext = (): Promise<LogImport> => until('the lead', () => server.makeSiteLog().openImport())

  async function keysInLog(): Promise<string[]> {
    const session = await server.makeLog().open()
    const keys = (await readAll(session)).map(({ write }) => write.key)
    await session.close()
    return keys
  }

  describe('the import', () => {
    test('is one at a time; the next one comes after its end', async () => {
      const [siteLog, other] = [server.makeSiteLog(), server.makeSiteLog()]
      const first = await openImport(siteLog)
      expect(await other.openImport()).toBeUndefined()
      expect(await siteLog.openImport()).toBeUndefined()
      await first.append([foreign(1n, put('a'))], 0n)
      await first.close()
      expect(await first.lost).toBeInstanceOf(Unavailable)
      const second = await openNext()
      expect(await other.openImport()).toBeUndefined()
      await second.append([foreign(2n, put('b'))], 0n)
      await second.close()
    })

    test('comes to another node once its connection is lost', async () => {
      const network = await server.makeNetwork()
      const first = await openImport(server.makeSiteLog({ network }))
      expect(await server.makeSiteLog().openImport()).toBeUndefined()
      network.cut()
      expect(await first.lost).toBeInstanceOf(Unavailable)
      const second = await openNext()
      await expect(first.append([foreign(1n, put('a'))], 0n)).rejects.toThrow(Undecided)
      await second.append([foreign(1n, put('a'))], 0n)
      expect(await keysInLog()).toEqual(['a'])
      await second.close()
    })

    test('tells what its batch was appended to', async () => {
      const session = await server.makeLog().open()
      const start = await session.askHead()
      const first = await openImport(server.makeSiteLog())
      const one = await first.append([foreign(1n, put('a')), foreign(2n, put('b'))], 0n)
      const other = await first.append([foreign(3n, put('c'))], 2n)
      const places = [start, one, other, { ...one, digest: start.digest }, { ...start, digest: one.digest }]
      expect(places.map(one.comesAfter)).toEqual([true, false, false, false, false])
      expect(places.map(other.comesAfter)).toEqual([false, true, false, false, false])
      await Promise.all([first.close(), session.close()])
    })

    test('that another has replaced appends nothing', async () => {
      const first = await openImport(server.makeSiteLog())
      await first.append([foreign(1n, put('a'))], 0n)
      const other = await server.makeLog({ writerId: siteWriterId('import', first.logId) }).open()
      expect(other.committed.number).toBe(1n)
      await expect(first.append([foreign(2n, put('b'))], 1n)).rejects.toThrow(Unavailable)
      expect((await readAll(other)).map(({ write }) => write.key)).toEqual(['a'])
      await Promise.all([first.close(), other.close()])
    })

    test('has what was committed before its answer was lost', async () => {
      const network = await server.makeNetwork()
      const first = await openImport(server.makeSiteLog({ network, timeoutMs: 500 }))
      network.loseAnswers()
      const batch = [foreign(1n, put('a')), foreign(2n, put('b'))]
      await expect(first.append(batch, 0n)).rejects.toThrow(Undecided)
      await first.lost
      network.heal()
      const second = await openNext()
      expect(second.position.sequences).toEqual(new Map([[higherLog, 2n]]))
      await expect(second.append(batch, 0n)).rejects.toThrow(Unappendable)
      await second.append([foreign(3n, put('c'))], 0n)
      expect(await keysInLog()).toEqual(['a', 'b', 'c'])
      await second.close()
    })

    test('lacks what was lost on the way, which never lands, and lands once when it is sent again', async () => {
      const network = await server.makeNetwork()
      const first = await openImport(server.makeSiteLog({ network }))
      network.holdRequests()
      const lost = first.append([foreign(1n, put('a'))], 0n)
      network.cut()
      await expect(lost).rejects.toThrow(Undecided)
      network.heal()
      const second = await openNext()
      expect(second.position.sequences).toEqual(new Map())
      await second.append([foreign(1n, put('a'))], 0n)
      expect(await keysInLog()).toEqual(['a'])
      await second.close()
    })

    test('fences the batch of an earlier one that is on its way still', async () => {
      const network = await server.makeNetwork()
      const first = await openImport(server.makeSiteLog({ network }))
      network.holdRequests()
      const late = first.append([foreign(1n, put('late'))], 0n).catch((error) => error)
      // As an import that has the lead, since the server takes the first one for gone
      const next = await server.makeLog({ writerId: siteWriterId('import', first.logId) }).open()
      network.heal()
      expect(await late).toBeInstanceOf(Unavailable)
      expect(await readAll(next)).toEqual([])
      await Promise.all([first.close(), next.close()])
    })

    test('knows how far each log was taken over, and the stamp of its last entry', async () => {
      const first = await openImport(server.makeSiteLog())
      expect(first.position).toEqual({ sequences: new Map(), stamp: 0 })
      expect(first.lastStampOf(higherLog)).toBeUndefined()
      const before = first.position
      await first.append([foreign(5n, put('a')), foreign(2n, put('b'), { logId: lowerLog })], 0n)
      await first.append([foreign(9n, put('c'), { stamp: oldStamp, superseded: true })], 2n)
      expect(before.sequences.size).toBe(0)
      const reached = {
        sequences: new Map([
          [higherLog, 9n],
          [lowerLog, 2n],
        ]),
        stamp: 0,
      }
      const found = (one: LogImport) => [one.position, one.lastStampOf(higherLog), one.lastStampOf(lowerLog)]
      expect(found(first)).toEqual([reached, oldStamp, oldStamp + 2])
      await first.close()
      const second = await openNext()
      expect(found(second)).toEqual([reached, oldStamp, oldStamp + 2])
      expect(second.lastStampOf(second.logId)).toBeUndefined()
      await second.close()
    })
  })
}
