import { expect, onTestFinished, test, vi } from 'vitest'
import { type KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import { parsePosition } from '../../../kvs/core/position.ts'
import { NotAppended, RingUnseen, Undecided } from '../../../kvs/log/index.ts'
import { openSpool } from '../../../kvs/spool/index.ts'
import { put, remove } from '../../support/entries.ts'
import { makeFencedLog, makeGuard } from './fenced-log.ts'
import { startReplica } from './scripted-log.ts'
import { makeSpoolMemory } from './spool-memory.ts'

const code = (answer: Promise<unknown>) =>
  answer.then(
    () => 'stored',
    (error: KvsError) => error.code,
  )
const writeIf = (key: string) => ({ write: put(key), precondition: {}, idempotencyKey: undefined })
const transaction = (condition: string, operation: string) => ({
  conditions: [{ key: condition, precondition: {} }],
  operations: [put(operation)],
  idempotencyKey: undefined,
})

async function makeSpool() {
  const spool = await openSpool({ storage: makeSpoolMemory(), maxBytes: 1e9 })
  onTestFinished(() => spool.close())
  return spool
}

/** A node of a log that gives keys away. */
async function makeMember({ spools = false } = {}) {
  const log = makeFencedLog()
  const ring = makeGuard()
  const spool = spools ? await makeSpool() : undefined
  const warn = vi.fn()
  const quiet = () => undefined
  const store = await startReplica(log, spool, { ring, logger: { info: quiet, warn, error: warn } })
  return { log, ring, spool, store, warn }
}

/** Has the next append wait until it is let go, and says when it has come. */
function holdAppend(log: ReturnType<typeof makeFencedLog>) {
  const come = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  log.beforeAppend = async () => {
    log.beforeAppend = async () => undefined
    come.resolve()
    await gate.promise
  }
  return { come: come.promise, letGo: gate.resolve, fail: gate.reject }
}

test('a key that the log does not take is refused to reads, writes and transactions, and nothing is appended', async () => {
  const { log, ring, store } = await makeMember()
  await store.write(put('theirs'))
  ring.unowned = ['theirs']
  expect(() => store.get('theirs')).toThrow(NotOwner)
  const refused = [
    store.write(put('theirs')),
    store.writeIf(writeIf('theirs')),
    store.transact(transaction('own', 'theirs')),
    store.transact(transaction('theirs', 'own')),
  ]
  for (const one of refused) await expect(one).rejects.toBeInstanceOf(NotOwner)
  expect(log.batches).toEqual(['theirs'])
  await store.write(put('own'))
  expect(store.get('own')).toBeDefined()
})

test('while the log is down such a write is refused, not spooled', async () => {
  const { log, ring, spool, store } = await makeMember({ spools: true })
  log.isDown = true
  log.lose()
  await expect.poll(() => store.status().state).toBe('log down')
  ring.unowned = ['theirs']
  expect(await code(store.write(put('theirs')))).toBe('not_owner')
  expect(await store.write(put('own'))).toBe('spooled')
  expect(spool?.writes).toBe(1)
  expect([...store.followed.spooledKeys()]).toEqual(['own'])
})

test('an entry on the ring is noted in the step in which it is applied, and is no key', async () => {
  const { log, ring, store } = await makeMember()
  log.add(put('a'))
  log.addRing('b')
  await expect.poll(() => ring.notes).toEqual([{ sequence: 2n, text: 'b' }])
  expect(store.followed.sequence()).toBe(2n)
  expect(store.get('a')).toBeDefined()
  expect((await store.countKeys([{ from: Buffer.of(), to: undefined }])).count).toBe(1)
})

test('an entry that has come is told of before the next append, which is not refused then', async () => {
  const { log, ring, store, warn } = await makeMember()
  log.addRing('theirs')
  await expect.poll(() => ring.notes.length).toBe(1)
  expect(log.told).toEqual([])
  await store.write(put('a'))
  await store.write(put('b'))
  expect([log.batches, log.told]).toEqual([['a', 'b'], [1n]])
  expect(warn).not.toHaveBeenCalled()
})

test('a refused batch waits until the entry is applied and told of; what is not owned any more is rejected', async () => {
  const { log, ring, store, warn } = await makeMember()
  const { come, letGo } = holdAppend(log)
  const first = [store.write(put('a')), store.write(put('theirs'))]
  await come
  const second = [store.write(put('b')), code(store.write(put('theirs')))]
  const decided = [code(store.writeIf(writeIf('theirs'))), store.transact(transaction('b', 'c'))]
  const conditioned = code(store.transact(transaction('theirs', 'c')))
  log.addRing('theirs')
  letGo()
  expect(await Promise.all(first.map(code))).toEqual(['stored', 'not_owner'])
  expect([await code(second[0] as Promise<unknown>), await second[1]]).toEqual(['stored', 'not_owner'])
  expect([await decided[0], await code(decided[1] as Promise<unknown>)]).toEqual(['not_owner', 'stored'])
  expect(await conditioned).toBe('not_owner')
  expect(log.batches.toSorted()).toEqual(['a,b', 'a,theirs unseen', 'c'])
  expect([log.told, ring.notes.length]).toEqual([[1n], 1])
  expect(log.calls.length).toBe(1)
  expect(store.status()).toMatchObject({ state: 'serving', reason: null })
  expect(warn).not.toHaveBeenCalled()
})

test('a refused round is decided anew, or rejected where the keys are not owned any more', async () => {
  const { log, store } = await makeMember()
  const { come, letGo } = holdAppend(log)
  const kept = store.writeIf(writeIf('a'))
  const lost = code(store.writeIf(writeIf('theirs')))
  await come
  log.add(put('a')) // so that the key has a value when it is decided anew
  log.addRing('theirs')
  letGo()
  expect(await kept).toMatchObject({ sequence: 3n, replaced: true })
  expect(await lost).toBe('not_owner')
  expect(log.batches).toEqual(['a,theirs unseen', 'a'])
  expect(log.calls.length).toBe(1)
})

test('a log that goes on refusing, with no entry to be found, has the session end, and the write lands in the next', async () => {
  const { log, store } = await makeMember()
  let refusals = 0
  log.beforeAppend = async () => {
    if (log.calls.length === 1 && refusals++ < 50) throw new RingUnseen(new Error('unseen'))
  }
  expect(await store.write(put('a'))).toMatchObject({ sequence: 1n })
  expect([refusals, log.calls.length]).toEqual([1, 2])
})

test('a session that is opened notes the newest entry before anything is appended or spooled', async () => {
  const { log, ring, store } = await makeMember()
  const { come, fail } = holdAppend(log)
  const waiting = [store.write(put('a')), code(store.write(put('theirs')))]
  await come
  const later = code(store.write(put('theirs')))
  log.isDown = true
  fail(new NotAppended('the disk is full', true, undefined))
  await expect.poll(() => store.status().state).toBe('log down')
  log.addRing('x')
  log.addRing('theirs')
  log.isDown = false
  const answers = await Promise.all([code(waiting[0] as Promise<unknown>), waiting[1], later])
  expect(answers).toEqual(['stored', 'not_owner', 'not_owner'])
  expect(log.batches).toEqual(['a'])
  // The older one is applied later, and is no news.
  expect(ring.notes).toEqual([{ sequence: 2n, text: 'theirs' }])
  expect(log.told).toEqual([])
})

test.each([
  ['has landed', 1n, ['stored', 'not_owner']],
  ['has not landed', 0n, ['not_owner', 'not_owner']],
])(
  'a batch in doubt whose key is given away meanwhile is settled by the log first: it %s',
  async (_, number, answers) => {
    const { log, store } = await makeMember()
    const { come, fail } = holdAppend(log)
    const doubted = code(store.write(put('theirs')))
    await come
    const later = code(store.write(put('theirs')))
    log.isDown = true
    if (number > 0n) log.add(put('theirs'))
    fail(new Undecided('lost'))
    await expect.poll(() => store.status().state).toBe('log down')
    log.addRing('theirs')
    log.committed = { number, end: { sequence: number, digest: log.end().digest } }
    log.isDown = false
    expect(await Promise.all([doubted, later])).toEqual(answers)
    expect(log.batches).toEqual([])
  },
)

test('a drain that the ring interrupts tells the log that it was seen, and lands all that was spooled', async () => {
  const { log, spool, store } = await makeMember({ spools: true })
  log.isDown = true
  log.lose()
  await expect.poll(() => store.status().state).toBe('log down')
  for (const key of ['a', 'b']) expect(await store.write(put(key))).toBe('spooled')
  log.beforeAppend = async () => {
    log.beforeAppend = async () => undefined
    log.addRing('theirs')
  }
  log.isDown = false
  await expect.poll(() => store.status().state).toBe('serving')
  expect(log.batches).toEqual(['a,b unseen', 'a,b'])
  expect([log.calls.length, spool?.writes]).toEqual([2, 0])
  expect([store.get('a'), store.get('b')].map((found) => found?.value.toString())).toEqual(['v', 'v'])
})

test('an entry that the node can’t go by has it diverge, and is not applied', async () => {
  const { log, store } = await makeMember()
  log.add(put('a'))
  log.addRing('?')
  await expect.poll(() => store.status().state).toBe('log diverged')
  expect(store.status().reason).toBe('this node can’t go by entry 2 of the log, which is on the ring: no ring')
  expect(store.followed.sequence()).toBe(1n)
})

test('so does any entry on the ring where the node is in none', async () => {
  const log = makeFencedLog()
  const store = await startReplica(log)
  log.addRing('x')
  await expect.poll(() => store.status().state).toBe('log diverged')
  expect(store.status().reason).toContain('set KVS_ADDRESS, and not KVS_PEERS')
})

test('in a ring a position waits for the part of this log alone', async () => {
  const { log, store } = await makeMember()
  const at = (text: string) => parsePosition(text) ?? expect.fail(text)
  await store.waitFor(at('beef=7,feed=1'))
  expect(await store.dependencyOn(at('beef=7'))).toBeUndefined()
  let isThere = false
  const waiting = store.waitFor(at('beef=7,cafe0123=1')).then(() => {
    isThere = true
  })
  await store.waitForHead()
  expect(isThere).toBe(false)
  log.add(remove('a'))
  await waiting
  expect(await store.dependencyOn(at('beef=7,cafe0123=1'))).toBeUndefined()
})
