import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { Entry, Write } from '../../../kvs/core/entry.ts'
import { type LogSession, NotAppended, Unavailable } from '../../../kvs/log/log.ts'
import { makeStore } from '../../../kvs/replica/replica.ts'
import { makeSqliteStorage, openSpool, type Spool } from '../../../kvs/spool/index.ts'
import { entryOf, put } from '../../support/entries.ts'
import { makeDirectory } from '../../support/node.ts'

/** A log in memory that others append to; what a node appends does as `append` says. */
function makeMemoryLog() {
  const entries: Entry[] = []
  const end = () => ({ sequence: BigInt(entries.length), digest: entries.at(-1)?.digest ?? Buffer.of() })
  const log = {
    isDown: false,
    /** What each session was asked for, in order. */
    calls: [] as string[][],
    lose: (): void => undefined,
    add: (write: Write) => entries.push(entryOf(BigInt(entries.length + 1), write)),
    append: async (): Promise<never> => Promise.reject(new Error('not here')),
    async open(): Promise<LogSession> {
      if (log.isDown) throw new Unavailable('down')
      const { promise: lost, resolve } = Promise.withResolvers<Error>()
      log.lose = () => resolve(new Unavailable('lost'))
      const calls: string[] = []
      const session = {
        head: { logId: 'cafe0123', sequence: end().sequence, entries: end().sequence, adoptedThrough: 0n },
        description: 'memory',
        lost,
        committed: { number: 0n, end: end() },
        holds: async () => true,
        loadCheckpoint: async () => undefined,
        replay: async () => undefined,
        read: async (after: bigint) => entries.slice(Number(after)),
        askHead: async () => end(),
        onOthersAppended: () => undefined,
        append: () => log.append(),
        appendSpooled: () => log.append(),
        appendConditional: () => log.append(),
        close: async () => log.lose(),
      }
      log.calls.push(calls)
      return new Proxy(session, {
        get(of, name: keyof typeof session) {
          if (typeof of[name] === 'function') calls.push(name)
          return of[name]
        },
      })
    },
  }
  return log
}

async function start(log: ReturnType<typeof makeMemoryLog>, spool?: Spool) {
  const quiet = () => undefined
  const store = makeStore({
    log,
    onReplayed: quiet,
    spool,
    spooling: { on: spool !== undefined, reason: null, maxBytes: 1e9 },
    limits: { maxWrites: 100, maxBytes: 1e9, timeoutMs: 60_000, graceMs: 0 },
    connectTimeoutMs: undefined,
    tailIntervalMs: 20,
    waitTimeoutMs: 2_000,
    maxLagMs: 1_000,
    logger: { info: quiet, warn: quiet, error: quiet },
  })
  const running = store.run()
  onTestFinished(async () => {
    await store.stop()
    await running
  })
  await expect.poll(() => store.status().state).toBe('serving')
  return store
}

test('while the log refuses one write after the other, it is read, and a request that needs its head is answered', async () => {
  const log = makeMemoryLog()
  const store = await start(log)
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
  const log = makeMemoryLog()
  const spool = await openSpool({ storage: makeSqliteStorage(join(makeDirectory(), 'spool.db')), maxBytes: 1e9 })
  onTestFinished(() => spool.close())
  const store = await start(log, spool)
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
  const log = makeMemoryLog()
  const spool = await openSpool({ storage: makeSqliteStorage(join(makeDirectory(), 'spool.db')), maxBytes: 1e9 })
  onTestFinished(() => spool.close())
  const store = await start(log, spool)
  log.isDown = true
  log.lose()
  await expect.poll(() => store.status().state).toBe('log down')
  expect(await store.write(put('a'))).toBe('spooled')
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

test('a node that was told to stop while its spool was slow leaves a log that came back meanwhile alone', async () => {
  const log = makeMemoryLog()
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
  const store = await start(log, slow)
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
