import { beforeEach, describe, expect, test } from 'vitest'
import { put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { decided, spooled } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeSpooled(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  describe('spooled writes', () => {
    test('have the numbers they were accepted under, gaps included', async () => {
      const log = server.makeLog()
      const session = await log.open()
      await session.append([put('a')])
      expect((await session.appendSpooled([spooled(5n, 'a'), spooled(6n, 'b')], 1n)).sequence).toBe(3n)
      expect(session.committed.number).toBe(6n)
      expect((await session.append([put('c')])).sequence).toBe(4n)
      expect(session.committed.number).toBe(7n)
      await session.close()
      expect((await log.open()).committed.number).toBe(7n)
    })

    test('are stored as superseded where their node says so', async () => {
      const session = await server.makeLog().open()
      await session.appendSpooled([spooled(1n, 'a', true), spooled(2n, 'b')], 0n)
      expect((await readAll(session)).map(({ write, superseded }) => [write.key, superseded])).toEqual([
        ['a', true],
        ['b', false],
      ])
      await session.close()
    })

    test('are superseded by entries after `seen`, and by none up to it', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      await other.append([put('seen'), put('both'), put('new'), put('both')])
      await session.appendSpooled(
        ['seen', 'both', 'new', 'own'].map((key, n) => spooled(BigInt(n + 1), key)),
        2n,
      )
      expect((await session.read(4n)).map(({ write, superseded }) => [write.key, superseded])).toEqual([
        ['seen', false],
        ['both', true],
        ['new', true],
        ['own', false],
      ])
      await Promise.all([session.close(), other.close()])
    })

    test('are superseded by no expiry, which no client has asked for', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      await other.append([
        { ...put('a'), deadline: 1 },
        { ...put('b'), deadline: 1 },
      ])
      await other.append([{ ...remove('a'), deadline: 1 }, { ...remove('b'), deadline: 1 }, remove('c'), put('b')])
      await session.appendSpooled(
        ['a', 'b', 'c'].map((key, n) => spooled(BigInt(n + 1), key)),
        2n,
      )
      expect((await session.read(6n)).map(({ write, superseded }) => [write.key, superseded])).toEqual([
        ['a', false],
        ['b', true],
        ['c', true],
      ])
      await Promise.all([session.close(), other.close()])
    })

    test('are superseded by what others commit while the batch is on its way', async () => {
      const network = await server.makeNetwork()
      const [session, other] = [await server.makeLog({ network }).open(), await server.makeLog().open()]
      network.holdRequests()
      const appended = session.appendSpooled([spooled(1n, 'theirs'), spooled(2n, 'mine')], 0n)
      await other.append([put('theirs')])
      network.heal()
      expect((await appended).sequence).toBe(3n)
      expect((await session.read(1n)).map(({ superseded }) => superseded)).toEqual([true, false])
      await Promise.all([session.close(), other.close()])
    })

    test('that are superseded overtake nothing', async () => {
      const session = await server.makeLog().open()
      await session.appendSpooled([spooled(1n, 'a', true)], 0n)
      await session.appendSpooled([spooled(2n, 'a')], 0n)
      const { verdicts } = await session.appendConditional([decided(put('a'))], 2n)
      expect((await readAll(session)).map(({ superseded }) => superseded)).toEqual([true, false, false])
      expect(verdicts.map(({ outcome }) => outcome)).toEqual(['landed'])
      await session.close()
    })
  })
}
