import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { batchLimits, maxDeadline } from '../../../kvs/core/limits.ts'
import { positionAt } from '../../../kvs/core/position.ts'
import { NotAppended } from '../../../kvs/log/log.ts'
import { makeSqliteStorage, openSpool, type Spool } from '../../../kvs/spool/index.ts'
import { put } from '../../support/entries.ts'
import { makeDirectory } from '../../support/node.ts'
import { makeScriptedLog, startReplica } from './scripted-log.ts'

test('while the log refuses one write after the other, it is read, and a request that needs its head is answered', async () => {
  const log = makeScriptedLog()
  const store = await startReplica(log)
  const write = () => void store.write(put('a')).catch(() => undefined)
  log.append = async () => {
    write() // there is always one more
    await setImmediate()
    throw new NotAppended('no', false, undefined)
  }
  write()
  log.add(put('b'))
  await store.waitForHead()
  expect(store.get('b')).toBeDefined()
  log.add(put('c'))
  await expect.poll(() => store.get('c')).toBeDefined()
})

test('a log that takes no writes is told with its reason until one has landed, not as one that is back', async () => {
  const log = makeScriptedLog()
  const spool = await openSpool({ storage: makeSqliteStorage(join(makeDirectory(), 'spool.db')), maxBytes: 1e9 })
  onTestFinished(() => spool.close())
  const store = await startReplica(log, spool)
  const reasons: unknown[] = []
  log.append = async () => {
    reasons.push(store.status().reason)
    throw new NotAppended('the disk is full', true, undefined)
  }
  expect(await store.write(put('a'))).toBe('spooled')
  await expect.poll(() => reasons.length).toBeGreaterThan(3)
  expect(reasons.slice(1)).toEqual(reasons.slice(1).map(() => 'the disk is full'))
})

test('so is one that takes none when it comes back, once it has said so', async () => {
  const log = makeScriptedLog()
  const spool = await openSpool({ storage: makeSqliteStorage(join(makeDirectory(), 'spool.db')), maxBytes: 1e9 })
  onTestFinished(() => spool.close())
  const store = await startReplica(log, spool)
  log.isDown = true
  log.lose()
  await expect.poll(() => store.status().state).toBe('log down')
  expect(await store.write({ ...put('a'), deadline: maxDeadline })).toBe('spooled')
  expect(store.get('a')).toMatchObject({ tag: undefined, modifiedAt: undefined, deadline: maxDeadline })
  const reasons: unknown[] = []
  log.append = async () => {
    reasons.push(store.status().reason)
    throw new NotAppended('the disk is full', true, undefined)
  }
  log.isDown = false
  await expect.poll(() => reasons.length).toBeGreaterThan(2)
  const [first, ...others] = reasons
  expect(first).toBe('the log is back; 1 spooled writes are on their way to it')
  expect(others).toEqual(others.map(() => 'the disk is full'))
})

test('a log that took no writes takes them again once anything lands in it, whoever has written that', async () => {
  const log = makeScriptedLog()
  const store = await startReplica(log)
  log.append = async () => {
    throw new NotAppended('the disk is full', true, undefined)
  }
  const asked = { write: put('a'), precondition: { ifNoneMatch: '*' }, idempotencyKey: undefined } as const
  await expect(store.writeIf(asked)).rejects.toMatchObject({ code: 'log_down' })
  // Over the next session.
  await expect.poll(() => store.waitForHead().then(() => 'read', String)).toBe('read')
  expect(store.status()).toMatchObject({ state: 'log down', reason: 'the disk is full' })
  expect(store.followed.noWritesReason()).toBe('the disk is full')
  log.add(put('b'))
  store.followed.requestTail()
  await expect.poll(() => store.status()).toMatchObject({ state: 'serving', reason: null })
  expect(store.followed.noWritesReason()).toBeUndefined()
})

test('a node that was told to stop while its spool was slow leaves a log that came back meanwhile alone', async () => {
  const log = makeScriptedLog()
  const spool = await openSpool({ storage: makeSqliteStorage(join(makeDirectory(), 'spool.db')), maxBytes: 1e9 })
  onTestFinished(() => spool.close())
  const disk = { isSlow: false, ...Promise.withResolvers<void>() }
  let adding = 0
  const slow = Object.assign(Object.create(spool), {
    add: async (...rest: Parameters<Spool['add']>) => {
      adding++
      if (disk.isSlow) await disk.promise
      return spool.add(...rest)
    },
  })
  const store = await startReplica(log, slow)
  log.isDown = true
  log.lose()
  await expect.poll(() => store.status().state).toBe('log down')
  expect(await store.write(put('a'))).toBe('spooled')
  disk.isSlow = true
  const written = store.write(put('b'))
  await expect.poll(() => adding).toBe(2)
  log.isDown = false
  await expect.poll(() => log.calls.length).toBe(2)
  const stopped = store.stop()
  disk.resolve()
  await stopped
  expect(await written).toBe('spooled')
  expect(log.calls[1]).toEqual(['close'])
  expect(spool.writes).toBe(2)
})

test('while a spool is drained, who waits for a position is told once the view has it, not once the spool is empty', async () => {
  const log = makeScriptedLog()
  const spool = await openSpool({ storage: makeSqliteStorage(join(makeDirectory(), 'spool.db')), maxBytes: 1e9 })
  onTestFinished(() => spool.close())
  const oneByOne = Object.assign(Object.create(spool), { oldest: () => spool.oldest(1 / batchLimits.writes) })
  const store = await startReplica(log, oneByOne)
  log.isDown = true
  log.lose()
  await expect.poll(() => store.status().state).toBe('log down')
  for (const key of ['a', 'b']) expect(await store.write(put(key))).toBe('spooled')
  const second = Promise.withResolvers<void>()
  onTestFinished(() => second.resolve())
  let landed = 0
  log.append = async () => {
    if (landed === 1) await second.promise
    log.add(put(landed === 0 ? 'a' : 'b'))
    landed++
    return log.end()
  }
  const seen = store.waitFor(positionAt('cafe0123', 1n))
  log.isDown = false
  await seen
  expect(landed).toBe(1)
  second.resolve()
  await expect.poll(() => store.status().state).toBe('serving')
})
