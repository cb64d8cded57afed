import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { systemClock } from '../../../../kvs/lib/clock.ts'
import { Undecided } from '../../../../kvs/log/log.ts'
import { makeHeldBatch } from '../../../../kvs/replica/append/held-batch.ts'
import type { Replica } from '../../../../kvs/replica/replica.ts'
import { makeSqliteStorage, openSpool } from '../../../../kvs/spool/index.ts'
import { put } from '../../../support/entries.ts'
import { makeDirectory } from '../../../support/node.ts'
import { makeScriptedLog, startReplica } from '../scripted-log.ts'

describe('a batch that may still land', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => vi.useRealTimers())

  function hold(untilMs: number) {
    const answers: string[] = []
    const held = makeHeldBatch(systemClock)
    held.hide([put('a'), put('b')])
    const unanswered = { spooled: () => answers.push('spooled'), failed: ({ code }: KvsError) => answers.push(code) }
    held.hold(unanswered, performance.now() + untilMs)
    return { held, answers }
  }

  test('is neither acknowledged nor shown before its time', () => {
    const { held, answers } = hold(500)
    vi.advanceTimersByTime(500)
    expect([answers, held.hides('a'), held.hides('b'), held.hides('c')]).toEqual([[], true, true, false])
    vi.advanceTimersByTime(1)
    expect([answers, held.hides('a'), held.hides('b')]).toEqual([['spooled'], false, false])
  })

  test('hides nothing that was written later', () => {
    const { held } = hold(500)
    held.overwrite([put('b')])
    expect([held.hides('a'), held.hides('b')]).toEqual([true, false])
  })

  test('is answered once, by whatever comes first', () => {
    const released = hold(500)
    released.held.release()
    released.held.abandon(new KvsError('undecided'))
    const abandoned = hold(500)
    abandoned.held.abandon(new KvsError('undecided'))
    vi.advanceTimersByTime(1_000)
    expect([released.answers, abandoned.answers]).toEqual([['spooled'], ['undecided']])
    expect([released.held.hides('a'), abandoned.held.hides('a'), vi.getTimerCount()]).toEqual([false, false, 0])
  })
})

/** A replica whose log goes down with the answer to the first write's append, which may land for so long, is lost. */
async function loseAnswer(mayLandForMs: number | undefined) {
  const log = makeScriptedLog()
  const spool = await openSpool({ storage: makeSqliteStorage(join(makeDirectory(), 'spool.db')), maxBytes: 1e9 })
  onTestFinished(() => spool.close())
  const replica = await startReplica(log, spool)
  const sent: { mayLandUntil?: number } = {}
  log.append = async () => {
    log.isDown = true
    log.lose()
    if (mayLandForMs !== undefined) sent.mayLandUntil = performance.now() + mayLandForMs
    throw new Undecided('lost', sent)
  }
  const answer = { first: 'none yet' }
  const first = replica.write(put('a', '1')).then(
    (stored) => (answer.first = String(stored)),
    (error) => (answer.first = error.code),
  )
  await expect.poll(() => spool.writes).toBe(1)
  return { log, spool, replica, sent, answer, first }
}

async function keysOf(replica: Replica): Promise<string[]> {
  const ranges = [{ from: Buffer.of(), to: undefined }]
  const listing = await replica.listKeys({ ranges, limit: undefined, delimiter: undefined })
  const keys = listing.take(100).map(String)
  listing.close()
  return keys
}

const textOf = (found: { readonly value: Buffer } | undefined) => found?.value.toString()

test('a write that may still land is spooled at once, and acknowledged and shown when it can’t any more', async () => {
  const { replica, sent, answer, first } = await loseAnswer(1_500)
  expect([answer.first, textOf(replica.get('a')), await keysOf(replica)]).toEqual(['none yet', undefined, []])
  expect(await first).toBe('spooled')
  expect(performance.now()).toBeGreaterThanOrEqual(sent.mayLandUntil ?? Infinity)
  expect([textOf(replica.get('a')), await keysOf(replica)]).toEqual(['1', ['a']])
})

test('what is written behind it goes on, in the order of the numbers', async () => {
  const { spool, replica, answer } = await loseAnswer(60_000)
  expect(await replica.write(put('b', '2'))).toBe('spooled')
  expect([textOf(replica.get('a')), textOf(replica.get('b')), await keysOf(replica)]).toEqual([undefined, '2', ['b']])
  expect(await replica.write(put('a', '3'))).toBe('spooled')
  expect([textOf(replica.get('a')), await keysOf(replica)]).toEqual(['3', ['a', 'b']])
  expect(answer.first).toBe('none yet')
  const spooled = await spool.oldest()
  expect(spooled.map(({ number, write }) => [number, write.key])).toEqual([
    [1n, 'a'],
    [2n, 'b'],
    [3n, 'a'],
  ])
})

test('it stays hidden while a newer write of its key is being flushed', async () => {
  const { spool, replica } = await loseAnswer(60_000)
  const { add } = spool
  const { promise: isFlushing, resolve: begin } = Promise.withResolvers<void>()
  const { promise: flush, resolve: letFlush } = Promise.withResolvers<void>()
  Object.assign(spool, {
    add(...write: Parameters<typeof add>) {
      begin()
      return flush.then(() => add(...write))
    },
  })
  const newer = replica.write(put('a', '2'))
  await isFlushing
  const meanwhile = textOf(replica.get('a'))
  letFlush()
  expect([meanwhile, await newer, textOf(replica.get('a'))]).toEqual([undefined, 'spooled', '2'])
})

test('a newer write that the spool refuses does not show it', async () => {
  const { spool, replica } = await loseAnswer(60_000)
  Object.assign(spool, { add: async () => Promise.reject(new KvsError('spool_full')) })
  await expect(replica.write(put('a', '2'))).rejects.toMatchObject({ code: 'spool_full' })
  expect(textOf(replica.get('a'))).toBeUndefined()
})

test('the next session settles it: from then on nothing of an earlier one can land', async () => {
  const { log, answer, first } = await loseAnswer(60_000)
  expect(answer.first).toBe('none yet')
  log.isDown = false
  expect(await first).toBe('spooled')
})

test('at a stop it is undecided for its client', async () => {
  const { replica, spool, first } = await loseAnswer(60_000)
  await replica.stop()
  expect(await first).toBe('undecided')
  expect(spool.writes).toBe(1)
})

test('one that can’t land any more is acknowledged at once', async () => {
  const { first, replica } = await loseAnswer(undefined)
  expect(await first).toBe('spooled')
  expect(textOf(replica.get('a'))).toBe('1')
})
