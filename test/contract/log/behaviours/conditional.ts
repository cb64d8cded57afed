import { beforeEach, describe, expect, test } from 'vitest'
import { pointOf, put, remove } from '../../../support/entries.ts'
import { decided, spooled, toldVersion, under, versionIn } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeConditional(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  describe('conditional writes', () => {
    test('what was decided lands together, in order, with its place; what was refused does not', async () => {
      const session = await server.makeLog().open()
      await session.append([put('old', 'x')])
      const { verdicts, end } = await session.appendConditional(
        [
          decided(put('a', '1', 'text/x')),
          decided(put('old', 'y'), { lands: false, current: toldVersion(1n) }),
          decided(remove('b'), { current: toldVersion(1n) }),
        ],
        1n,
      )
      expect(verdicts).toEqual([
        { outcome: 'landed', version: await versionIn(session, 2n), current: undefined },
        { outcome: 'refused', version: undefined, current: toldVersion(1n) },
        { outcome: 'landed', version: await versionIn(session, 3n), current: toldVersion(1n) },
      ])
      expect(end.sequence).toBe(3n)
      const entries = await session.read(1n)
      expect(entries.map(({ write, isOwn }) => [write, isOwn])).toEqual([
        [put('a', '1', 'text/x'), true],
        [remove('b'), true],
      ])
      expect(entries.at(-1)?.digest).toEqual(end.digest)
      expect(await session.holds(end)).toBe(true)
      // The numbers are those of all writes of the batch.
      expect(session.committed).toEqual({ number: 4n, end })
      await session.close()
    })

    test('a key that has an entry since is passed over, and nothing else is', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      await session.append([put('a'), put('b'), put('c')])
      await other.append([put('b', 'theirs')])
      const { verdicts, end } = await session.appendConditional(
        [
          decided(put('a', 'mine')),
          decided(put('b', 'mine')),
          decided(remove('b'), { lands: false }),
          decided(put('c')),
        ],
        3n,
      )
      expect(verdicts.map(({ outcome }) => outcome)).toEqual(['landed', 'overtaken', 'overtaken', 'landed'])
      expect(end.sequence).toBe(6n)
      const current = toldVersion(4n)
      const { verdicts: again } = await session.appendConditional([decided(put('b', 'mine'), { current })], 6n)
      expect(again).toEqual([{ outcome: 'landed', version: await versionIn(session, 7n), current }])
      await Promise.all([session.close(), other.close()])
    })

    test('nothing that lands leaves the log and its numbers as they are', async () => {
      const session = await server.makeLog().open()
      const before = await session.append([put('a')])
      const current = toldVersion(1n)
      const { verdicts, end } = await session.appendConditional([decided(put('a'), { lands: false, current })], 1n)
      expect(verdicts).toEqual([{ outcome: 'refused', version: undefined, current }])
      expect(pointOf(end)).toEqual(pointOf(before))
      expect(session.committed).toEqual({ number: 1n, end: before })
      expect((await session.append([put('b')])).sequence).toBe(2n)
      await session.close()
    })

    test('entries that others commit while the batch is on its way count as well', async () => {
      const network = await server.makeNetwork()
      const [session, other] = [await server.makeLog({ network }).open(), await server.makeLog().open()]
      await session.append([put('a')])
      network.holdRequests()
      const mine = session.appendConditional([decided(put('a', 'mine'), { current: toldVersion(1n) })], 1n)
      expect((await other.append([put('a', 'theirs')])).sequence).toBe(2n)
      network.heal()
      const { verdicts, end } = await mine
      expect(verdicts).toEqual([{ outcome: 'overtaken', version: undefined, current: toldVersion(1n) }])
      expect(end.sequence).toBe(2n)
      await Promise.all([session.close(), other.close()])
    })

    test('the numbers may end where the node says', async () => {
      const session = await server.makeLog().open()
      const { end } = await session.appendConditional([decided(put('a'))], 0n, 5n)
      expect(session.committed).toEqual({ number: 5n, end })
      await session.close()
    })
  })

  describe('idempotency keys', () => {
    test('who asks again gets the first answer, from any node; another request is told apart', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      await session.append([put('b')])
      const first = await session.appendConditional(
        [
          decided(put('a'), { idempotency: under('k1') }),
          decided(put('b'), { lands: false, current: toldVersion(1n), idempotency: under('k2') }),
        ],
        1n,
      )
      expect(first.verdicts.map(({ outcome }) => outcome)).toEqual(['landed', 'refused'])
      await other.append([put('b')])
      const again = await other.appendConditional(
        [
          decided(put('a'), { lands: false, current: toldVersion(2n), idempotency: under('k1') }),
          decided(put('b'), { idempotency: under('k2') }),
          decided(put('c'), { idempotency: under('k3') }),
        ],
        3n,
      )
      expect(again.verdicts).toEqual([
        { outcome: 'answered', version: await versionIn(session, 2n), current: undefined },
        { outcome: 'answered', version: undefined, current: await versionIn(session, 1n) },
        { outcome: 'landed', version: await versionIn(session, 4n), current: undefined },
      ])
      const reused = await session.appendConditional(
        [decided(put('a'), { current: toldVersion(2n), idempotency: under('k1', 'other') })],
        4n,
      )
      expect(reused.verdicts).toEqual([{ outcome: 'reused', version: undefined, current: toldVersion(2n) }])
      expect(reused.end.sequence).toBe(4n)
      await Promise.all([session.close(), other.close()])
    })

    test('an answer that another node was given on the way has its version as well', async () => {
      const network = await server.makeNetwork()
      const [session, other] = [await server.makeLog({ network }).open(), await server.makeLog().open()]
      const asked = decided(put('a'), { idempotency: under('k') })
      network.holdRequests()
      const again = session.appendConditional([asked], 0n)
      const first = await other.appendConditional([asked], 0n)
      network.heal()
      expect(first.verdicts).toMatchObject([{ outcome: 'landed' }])
      const version = await versionIn(other, 1n)
      expect((await again).verdicts).toEqual([{ outcome: 'answered', version, current: undefined }])
      await Promise.all([session.close(), other.close()])
    })

    test('an overtaken write leaves no answer behind', async () => {
      const session = await server.makeLog().open()
      await session.append([put('a')])
      const idempotency = under('k')
      const overtaken = await session.appendConditional([decided(put('a'), { idempotency })], 0n)
      expect(overtaken.verdicts.map(({ outcome }) => outcome)).toEqual(['overtaken'])
      const current = toldVersion(1n)
      const landed = await session.appendConditional([decided(put('a'), { current, idempotency })], 1n)
      expect(landed.verdicts).toEqual([{ outcome: 'landed', version: await versionIn(session, 2n), current }])
      await session.close()
    })

    test('a batch that is refused leaves no answer behind', async () => {
      await server.makeLog().open()
      await server.refuseKey('b')
      const session = await server.makeLog().open()
      const batch = [decided(put('a'), { idempotency: under('k') }), decided(put('b'))]
      await expect(session.appendConditional(batch, 0n)).rejects.toThrow()
      const { verdicts } = await session.appendConditional([decided(put('a'), { idempotency: under('k') })], 0n)
      expect(verdicts.map(({ outcome }) => outcome)).toEqual(['landed'])
      await session.close()
    })

    test('an answer is found again in a later session, when the key has been overwritten', async () => {
      const log = server.makeLog()
      const session = await log.open()
      await session.appendConditional([decided(put('a'), { idempotency: under('k') })], 0n)
      await session.appendSpooled([spooled(2n, 'a')], 1n)
      const version = await versionIn(session, 1n)
      await session.close()
      const again = await log.open()
      const asked = decided(put('a'), { lands: false, current: toldVersion(2n), idempotency: under('k') })
      const { verdicts } = await again.appendConditional([asked], 2n)
      expect(verdicts).toEqual([{ outcome: 'answered', version, current: undefined }])
      await again.close()
    })
  })
}
