import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { Diverged, Unappendable, Undecided } from '../../../../kvs/log/index.ts'
import { pointOf, put } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { decided, spooled } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeExactlyOnce(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  describe('exactly once', () => {
    test('numbers follow each other, over sessions and log objects; a batch may name its last one', async () => {
      const writerId = randomUUID()
      const session = await server.makeLog({ writerId }).open()
      await session.append([put('a'), put('b')])
      expect(session.committed.number).toBe(2n)
      const end = await session.append([put('c')], 7n)
      expect(session.committed).toEqual({ number: 7n, end })
      await session.close()
      const again = await server.makeLog({ writerId }).open()
      expect(again.committed).toEqual({ number: 7n, end: pointOf(end) })
      await again.append([put('d')])
      expect(again.committed.number).toBe(8n)
      await again.close()
    })

    test('a batch whose numbers are taken is refused', async () => {
      const session = await server.makeLog().open()
      await session.append([put('a'), put('b')])
      await expect(session.append([put('c')], 2n)).rejects.toThrow(Unappendable)
      await expect(session.appendSpooled([spooled(1n, 'c')], 2n)).rejects.toThrow(Unappendable)
      expect(await readAll(session)).toHaveLength(2)
      await session.close()
    })

    test('a batch whose connection was lost on the way never lands, and lands once when it is sent again', async () => {
      const network = await server.makeNetwork()
      const log = server.makeLog({ network })
      const session = await log.open()
      await session.append([put('before')])
      network.holdRequests()
      const lost = session.append([put('a'), put('b')])
      network.cut()
      await expect(lost).rejects.toThrow(Undecided)
      await session.lost
      network.heal()
      const again = await log.open()
      expect(again.committed).toMatchObject({ number: 1n, end: { sequence: 1n } })
      expect((await again.append([put('a'), put('b')], 3n)).sequence).toBe(3n)
      expect((await readAll(again)).map(({ write }) => write.key)).toEqual(['before', 'a', 'b'])
      await again.close()
    })

    test.each([
      ['append', (session) => session.append([put('a'), put('b')])],
      ['appendSpooled', (session) => session.appendSpooled([spooled(1n, 'a'), spooled(2n, 'b')], 0n)],
      ['appendConditional', (session) => session.appendConditional([decided(put('a')), decided(put('b'))], 0n)],
    ] satisfies [string, (session: Session) => Promise<unknown>][])(
      'a batch that was committed before its answer was lost is found by the next session (%s)',
      async (_, append) => {
        const network = await server.makeNetwork()
        const log = server.makeLog({ network, timeoutMs: 500 })
        const session = await log.open()
        network.loseAnswers()
        await expect(append(session)).rejects.toThrow(Undecided)
        await session.lost
        network.heal()
        const again = await log.open()
        const entries = await readAll(again)
        expect(entries.map(({ write }) => write.key)).toEqual(['a', 'b'])
        expect(again.committed).toEqual({ number: 2n, end: { sequence: 2n, digest: entries[1]?.digest } })
        await again.close()
      },
    )

    test('a batch that arrives when its answer is no longer waited for is not stored', async () => {
      const network = await server.makeNetwork()
      const session = await server.makeLog({ network, timeoutMs: 500 }).open()
      const watcher = await server.makeLog().open()
      network.holdRequests()
      await expect(session.append([put('late')])).rejects.toThrow(Undecided)
      network.heal()
      await session.lost
      await watcher.append([put('a')])
      expect((await readAll(watcher)).map(({ write }) => write.key)).toEqual(['a'])
      await watcher.close()
    })

    test('a lost answer tells until when its batch may land; it is asked of `append` alone', async () => {
      const network = await server.makeNetwork()
      const log = server.makeLog({ network, timeoutMs: 5_000 })
      const sendInVain = async (append: (session: Session) => Promise<unknown>) => {
        const session = await log.open()
        network.holdRequests()
        const sentAt = performance.now()
        const lost = append(session).catch((error) => error)
        network.cut()
        const error = await lost
        network.heal()
        if (!(error instanceof Undecided)) throw error
        return error.mayLandUntil === undefined ? undefined : error.mayLandUntil - sentAt
      }
      const inMs = await sendInVain((session) => session.append([put('a')]))
      expect(inMs).toBeGreaterThanOrEqual(5_000)
      expect(inMs).toBeLessThan(10_000)
      expect(await sendInVain((session) => session.appendSpooled([spooled(1n, 'a')], 0n))).toBeUndefined()
      expect(await sendInVain((session) => session.appendConditional([decided(put('a'))], 0n))).toBeUndefined()
    })

    test('from a session’s first moment on nothing lands that an earlier one has sent', async () => {
      const writerId = randomUUID()
      const network = await server.makeNetwork()
      const session = await server.makeLog({ writerId, network }).open()
      network.holdRequests()
      const late = session.append([put('late')]).catch((error) => error)
      const next = await server.makeLog({ writerId }).open()
      expect(next.committed.number).toBe(0n)
      network.heal()
      expect(await late).toBeInstanceOf(Unappendable)
      expect(await readAll(next)).toEqual([])
      await Promise.all([session.close(), next.close()])
    })
  })

  describe('a session that another one of its writer has replaced', () => {
    test('appends nothing, in no way', async () => {
      const writerId = randomUUID()
      const first = await server.makeLog({ writerId }).open()
      await first.append([put('a')])
      const second = await server.makeLog({ writerId }).open()
      await expect(first.append([put('b')])).rejects.toThrow(Unappendable)
      await expect(first.appendSpooled([spooled(9n, 'b')], 1n)).rejects.toThrow(Unappendable)
      await expect(first.appendConditional([decided(put('b'))], 1n)).rejects.toThrow(Unappendable)
      await second.append([put('c')])
      expect((await readAll(second)).map(({ write }) => write.key)).toEqual(['a', 'c'])
      await Promise.all([first.close(), second.close()])
    })

    test('still reads', async () => {
      const writerId = randomUUID()
      const first = await server.makeLog({ writerId }).open()
      const second = await server.makeLog({ writerId }).open()
      const end = await second.append([put('a')])
      expect(await first.askHead()).toEqual(pointOf(end))
      expect((await readAll(first)).map(({ isOwn }) => isOwn)).toEqual([true])
      await Promise.all([first.close(), second.close()])
    })

    test('leaves a process whose identity was copied diverged', async () => {
      const writerId = randomUUID()
      const log = server.makeLog({ writerId })
      const first = await log.open()
      await first.append([put('a')])
      const copy = await server.makeLog({ writerId }).open()
      await copy.append([put('b')])
      await Promise.all([first.close(), copy.close()])
      await expect(log.open()).rejects.toThrow(Diverged)
    })
  })
}

type Session = Awaited<ReturnType<ReturnType<LogServer['makeLog']>['open']>>
