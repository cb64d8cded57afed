import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { Diverged, Unavailable } from '../../../../kvs/log/index.ts'
import { type MemoryServer, makeMemoryLog, makeMemoryServer } from '../../../../kvs/log/memory/index.ts'
import { decided, under } from '../../../contract/log/batches.ts'
import { pointOf, put } from '../../../support/entries.ts'
import { makeManualClock } from './manual-clock.ts'

let server: MemoryServer
beforeEach(() => {
  server = makeMemoryServer()
})

const makeLog = (writerId = randomUUID()) => makeMemoryLog({ server, writerId })

describe('a server', () => {
  test('that is stopped ends its sessions, takes none until it is started, and has what was committed', async () => {
    const log = makeLog()
    const session = await log.open()
    const end = await session.append([put('a')])
    server.stop()
    expect(await session.lost).toBeInstanceOf(Unavailable)
    await expect(log.open()).rejects.toThrow(Unavailable)
    server.start()
    const again = await log.open()
    expect(again.committed).toEqual({ number: 1n, end: pointOf(end) })
  })

  test('never does what was on its way when it was stopped', async () => {
    const arrival = Promise.withResolvers<'arrives'>()
    let isSlow = false
    const network = {
      carry: async () => (isSlow ? arrival.promise : ('arrives' as const)),
    }
    const session = await makeMemoryLog({ server, writerId: randomUUID(), network }).open()
    isSlow = true
    const appended = session.append([put('a')]).catch((error) => error)
    await Promise.resolve()
    server.stop()
    server.start()
    arrival.resolve('arrives')
    await appended
    expect(server.entries).toEqual([])
  })

  test('has no entry whose time goes back, though its clock does', async () => {
    const clock = makeManualClock()
    server = makeMemoryServer({ clock })
    const session = await makeLog().open()
    const { recordedAt } = await session.append([put('a')])
    expect(recordedAt).toBe(clock.wallTime())
    clock.jump(-3_600_000)
    expect(await session.append([put('b')])).toMatchObject({ recordedAt })
    clock.jump(3_600_001)
    await session.askHead() // tells the node until when its next batch may land
    expect(await session.append([put('c')])).toMatchObject({ recordedAt: recordedAt + 1 })
    expect(server.entries.map((entry) => entry.recordedAt - recordedAt)).toEqual([0, 0, 1])
  })

  test('that is restored from a copy has its entries, writers and answers', async () => {
    const log = makeLog()
    const session = await log.open()
    await session.appendConditional([decided(put('a'), { idempotency: under('kept') })], 0n)
    const copy = server.copy()
    await session.appendConditional([decided(put('b'), { idempotency: under('lost') })], 1n)
    server.restore(copy)
    await expect(log.open()).rejects.toThrow(Diverged)
    const other = await makeLog().open()
    expect(server.entries.map(({ key }) => key)).toEqual(['a'])
    const asked = [decided(put('x'), { idempotency: under('kept') }), decided(put('y'), { idempotency: under('lost') })]
    const { verdicts } = await other.appendConditional(asked, 1n)
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['answered', 'landed'])
  })

  test('may refuse registrations as well, as one that is read-only does', async () => {
    server.refuseWrites(() => 'down')
    await expect(makeLog().open()).rejects.toThrow(Unavailable)
    server.refuseWrites()
    await makeLog().open()
  })

  test('keeps the newest 100,000 answers', async () => {
    const session = await makeLog().open()
    const ask = (n: number) => decided(put(`${n}`), { lands: false, idempotency: under(`${n}`) })
    for (let n = 0; n <= 100_000; n += 1_000) {
      await session.appendConditional(
        Array.from({ length: 1_000 }, (_, i) => ask(n + i)),
        0n,
      )
    }
    const { verdicts } = await session.appendConditional([ask(999), ask(1_000)], 0n)
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['refused', 'answered'])
  })

  test('has a checkpoint that comes on in steps', async () => {
    const session = await makeLog().open()
    const reached = async () => (await session.loadCheckpoint(() => undefined))?.sequence
    for (const key of ['a', 'b', 'c']) await session.append([put(key)])
    await session.append([put('d'), put('e'), put('f')])
    server.advanceCheckpoint(2)
    expect(await reached()).toBe(2n)
    server.advanceCheckpoint(2) // which ends inside of the last batch
    expect(await reached()).toBe(6n)
    await session.append([put('g')])
    server.advanceCheckpoint()
    expect(await reached()).toBe(7n)
  })
})
