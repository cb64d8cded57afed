import { beforeEach, describe, expect, test } from 'vitest'
import { pointOf, put, remove } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { decided, decidedTogether, pointIn, spooled, toldVersion, under, verdict, versionIn } from '../batches.ts'
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
        verdict('landed', { entry: await pointIn(session, 2n) }),
        verdict('refused', { current: toldVersion(1n) }),
        verdict('landed', { entry: await pointIn(session, 3n), current: toldVersion(1n) }),
      ])
      expect(end.sequence).toBe(3n)
      const entries = await session.read(1n)
      expect(entries.map(({ write, isOwn }) => [write, isOwn])).toEqual([
        [put('a', '1', 'text/x'), true],
        [remove('b'), true],
      ])
      expect(entries.at(-1)?.digest).toEqual(end.digest)
      expect(await session.holds(end)).toBe(true)
      expect(session.committed).toEqual({ number: 3n, end })
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
      expect(again).toEqual([verdict('landed', { entry: await pointIn(session, 7n), current })])
      await Promise.all([session.close(), other.close()])
    })

    test('nothing that lands leaves the log and its numbers as they are', async () => {
      const session = await server.makeLog().open()
      const before = await session.append([put('a')])
      const current = toldVersion(1n)
      const { verdicts, end } = await session.appendConditional([decided(put('a'), { lands: false, current })], 1n)
      expect(verdicts).toEqual([verdict('refused', { current })])
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
      expect(verdicts).toEqual([verdict('overtaken', { current: toldVersion(1n) })])
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

  describe('writes that were decided on together', () => {
    test('land together, at consecutive sequences, with the entry of the first as their place', async () => {
      const session = await server.makeLog().open()
      const { verdicts, end } = await session.appendConditional(
        [
          decidedTogether([put('a', '1'), remove('b'), put('a', '2', 'text/x')]),
          decidedTogether([]),
          decidedTogether([put('c')]),
        ],
        0n,
      )
      expect(verdicts).toEqual([
        verdict('landed', { entry: await pointIn(session, 1n) }),
        verdict('refused'),
        verdict('landed', { entry: await pointIn(session, 4n) }),
      ])
      const entries = await session.read(0n)
      expect(entries.map(({ write }) => write)).toEqual([put('a', '1'), remove('b'), put('a', '2', 'text/x'), put('c')])
      expect(entries.map(({ digest }) => digest)).toEqual(Array(4).fill(end.digest))
      expect(session.committed).toEqual({ number: 4n, end })
      await session.close()
    })

    test('are overtaken together, by an entry of any key that the decision rests on, and by no other', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      await other.append([put('x', 'theirs'), put('y', 'theirs')])
      const { verdicts, end } = await session.appendConditional(
        [
          decidedTogether([put('a'), put('b')], { reads: ['c', 'x'] }),
          decidedTogether([put('x'), put('y')], { reads: ['c', 'b'] }),
          decidedTogether([], { reads: ['y'] }),
          decidedTogether([], { reads: ['c'] }),
        ],
        0n,
      )
      expect(verdicts.map(({ outcome }) => outcome)).toEqual(['overtaken', 'landed', 'overtaken', 'refused'])
      expect(end.sequence).toBe(4n)
      expect((await session.read(2n)).map(({ write }) => write.key)).toEqual(['x', 'y'])
      await Promise.all([session.close(), other.close()])
    })

    test('are overtaken from the time on at which a value ends that they rest on, by the server’s clock', async () => {
      const session = await server.makeLog().open()
      const { recordedAt } = await session.append([{ ...put('a'), deadline: 0 }])
      const { verdicts, end } = await session.appendConditional(
        [
          decidedTogether([put('a')], { reads: ['a'], holdsUntil: recordedAt, idempotency: under('k') }),
          decidedTogether([], { reads: ['a'], holdsUntil: recordedAt }),
          decidedTogether([put('b')], { holdsUntil: recordedAt + 3_600_000 }),
          decidedTogether([put('c')]),
          decidedTogether([put('d')], { builtOn: [0] }),
        ],
        1n,
      )
      expect(verdicts.map(({ outcome }) => outcome)).toEqual([
        ...['overtaken', 'overtaken', 'landed', 'landed', 'overtaken'],
      ])
      expect(end.recordedAt).toBeGreaterThanOrEqual(recordedAt)
      const again = [decidedTogether([put('a')], { reads: ['a'], idempotency: under('k') })]
      expect((await session.appendConditional(again, 3n)).verdicts).toMatchObject([{ outcome: 'landed' }])
      await session.close()
    })

    test('wait again where what they build on has not landed, and with them what builds on them', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      await other.append([put('x')])
      const idempotency = under('k')
      await other.appendConditional([decidedTogether([put('y')], { idempotency })], 1n)
      const { verdicts } = await session.appendConditional(
        [
          decidedTogether([put('a')], { reads: ['x'] }),
          decidedTogether([put('b')]),
          decidedTogether([put('c')], { builtOn: [1, 0] }),
          decidedTogether([put('d')], { builtOn: [1] }),
          decidedTogether([put('e')], { builtOn: [2] }),
          decidedTogether([], { builtOn: [4] }),
          decidedTogether([], { builtOn: [3] }),
          decidedTogether([put('y')], { idempotency }),
          decidedTogether([put('f')], { builtOn: [7] }),
          decidedTogether([put('g')], { builtOn: [2], idempotency: under('k', 'another') }),
        ],
        0n,
      )
      expect(verdicts.map(({ outcome }) => outcome)).toEqual([
        ...['overtaken', 'landed', 'overtaken', 'landed', 'overtaken', 'overtaken', 'refused'],
        ...['answered', 'overtaken', 'reused'],
      ])
      expect((await session.read(2n)).map(({ write }) => write.key)).toEqual(['b', 'd'])
      await Promise.all([session.close(), other.close()])
    })

    test('keep a note with their answer, which comes back with it', async () => {
      const [session, other] = [await server.makeLog().open(), await server.makeLog().open()]
      const first = decidedTogether([put('a'), put('b')], { idempotency: under('k1', 'r', '{"values":["é"]}') })
      const refused = decidedTogether([], { reads: ['a'], idempotency: under('k2', 'r', 'why') })
      const { verdicts } = await session.appendConditional([refused, first], 0n)
      expect(verdicts.map(({ outcome }) => outcome)).toEqual(['refused', 'landed'])
      const again = [
        decidedTogether([put('a'), put('b')], { idempotency: under('k1', 'r', 'another') }),
        decidedTogether([put('b')], { idempotency: under('k2') }),
      ]
      expect((await other.appendConditional(again, 2n)).verdicts).toEqual([
        verdict('answered', { entry: await pointIn(session, 1n), note: '{"values":["é"]}' }),
        verdict('answered', { note: 'why' }),
      ])
      await Promise.all([session.close(), other.close()])
    })

    test('that are more than a page come back in one piece after the other', async () => {
      const session = await server.makeLog().open()
      const big = Buffer.alloc(3 * 1024 * 1024, 'x')
      const writes = [0, 1, 2, 3].map((n) => put(`k${n}`, big))
      const { end } = await session.appendConditional([decidedTogether(writes)], 0n)
      expect(end.sequence).toBe(4n)
      expect((await readAll(session)).map(({ write }) => write.key)).toEqual(['k0', 'k1', 'k2', 'k3'])
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
        verdict('answered', { entry: await pointIn(session, 2n) }),
        verdict('answered', { current: await versionIn(session, 1n) }),
        verdict('landed', { entry: await pointIn(session, 4n) }),
      ])
      const reused = await session.appendConditional(
        [decided(put('a'), { current: toldVersion(2n), idempotency: under('k1', 'other') })],
        4n,
      )
      expect(reused.verdicts).toEqual([verdict('reused', { current: toldVersion(2n) })])
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
      const entry = await pointIn(other, 1n)
      expect((await again).verdicts).toEqual([verdict('answered', { entry })])
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
      expect(landed.verdicts).toEqual([verdict('landed', { entry: await pointIn(session, 2n), current })])
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
      const entry = await pointIn(session, 1n)
      await session.close()
      const again = await log.open()
      const asked = decided(put('a'), { lands: false, current: toldVersion(2n), idempotency: under('k') })
      const { verdicts } = await again.appendConditional([asked], 2n)
      expect(verdicts).toEqual([verdict('answered', { entry })])
      await again.close()
    })
  })
}
