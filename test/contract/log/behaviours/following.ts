import { beforeEach, describe, expect, test } from 'vitest'
import { Diverged, Unavailable, Undecided } from '../../../../kvs/log/index.ts'
import { pointOf, put } from '../../../support/entries.ts'
import { until } from '../../../support/until.ts'
import { decided, spooled } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeFollowing(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  describe('what others append', () => {
    test('is told soon, however it was appended, and is seen when it is asked for', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      let told = 0
      session.onOthersAppended(() => told++)
      const appends = [
        () => other.append([put('a')]),
        () => other.appendSpooled([spooled(2n, 'b')], 1n),
        async () => (await other.appendConditional([decided(put('c'))], 2n)).end,
      ]
      for (const append of appends) {
        const before = told
        const end = await append()
        expect(await session.askHead()).toEqual(pointOf(end))
        expect((await session.read(end.sequence - 1n)).map(({ isOwn }) => isOwn)).toEqual([false])
        await until('the session is told', () => told > before)
      }
      await Promise.all([session.close(), other.close()])
    })

    test('is told to the last callback alone, and a node’s own appends to none of its', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      const told: string[] = []
      session.onOthersAppended(() => told.push('first'))
      session.onOthersAppended(() => told.push('second'))
      await session.append([put('mine')])
      await session.askHead()
      await other.append([put('theirs')])
      await until('the session is told', () => told.length > 0)
      expect(told).toEqual(['second'])
      await Promise.all([session.close(), other.close()])
    })

    test('is not told where nothing landed', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      let told = 0
      session.onOthersAppended(() => told++)
      await other.appendConditional([decided(put('a'), { lands: false })], 0n)
      await session.askHead()
      expect(told).toBe(0)
      await Promise.all([session.close(), other.close()])
    })
  })

  describe('the head', () => {
    test('is not waited for longer than half the time of other answers, and the session ends then', async () => {
      const network = await server.makeNetwork()
      const session = await server.makeLog({ network, timeoutMs: 1_000 }).open()
      network.fallSilent()
      const since = performance.now()
      await expect(session.askHead()).rejects.toThrow(Unavailable)
      const took = performance.now() - since
      expect(took).toBeGreaterThan(490)
      expect(took).toBeLessThan(990)
      expect(await session.lost).toBeInstanceOf(Unavailable)
    })

    test('is no head where something else than an append has changed the log', async () => {
      const session = await server.makeLog().open()
      await session.append([put('a')])
      await server.insertByHand('outside a batch')
      await expect(session.askHead()).rejects.toThrow(Diverged)
      await expect(session.append([put('b')])).rejects.toThrow(Diverged)
      await expect(server.makeLog().open()).rejects.toThrow(Diverged)
      await session.close()
    })
  })

  describe('the end of a session', () => {
    test('is told by `lost`, once it is closed; closing again does nothing', async () => {
      const session = await server.makeLog().open()
      await session.close()
      await session.close()
      expect(await session.lost).toBeInstanceOf(Unavailable)
      await expect(session.askHead()).rejects.toThrow(Unavailable)
      await expect(session.read(0n)).rejects.toThrow(Unavailable)
    })

    test('does not wait for what is under way', async () => {
      const network = await server.makeNetwork()
      const sessions = await Promise.all([1, 2].map(() => server.makeLog({ network }).open()))
      network.fallSilent()
      const asked = [sessions[0]?.read(0n), sessions[1]?.append([put('a')])]
      const failures = asked.map((answer) => answer?.catch((error) => error))
      await Promise.all(sessions.map((session) => session.close()))
      const [read, appended] = await Promise.all(failures)
      expect(read).toBeInstanceOf(Unavailable)
      expect(appended).toBeInstanceOf(Undecided)
    })

    test('comes with the connection’s, and the next session goes on', async () => {
      const network = await server.makeNetwork()
      const log = server.makeLog({ network })
      const session = await log.open()
      await session.append([put('a')])
      network.cut()
      expect(await session.lost).toBeInstanceOf(Unavailable)
      await expect(session.askHead()).rejects.toThrow(Unavailable)
      await expect(log.open()).rejects.toThrow(Unavailable)
      network.heal()
      const again = await log.open()
      expect((await again.append([put('b')])).sequence).toBe(2n)
      await again.close()
    })
  })
}
