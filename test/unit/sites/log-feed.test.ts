import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Entry } from '../../../kvs/core/entry.ts'
import { KvsError } from '../../../kvs/core/errors.ts'
import type { Position } from '../../../kvs/core/position.ts'
import { nowhere } from '../../../kvs/core/position.ts'
import type { FeedStream } from '../../../kvs/kv/index.ts'
import type { LogReader, MemberEntry } from '../../../kvs/log/index.ts'
import { makeMemoryServer, makeMemorySiteLog } from '../../../kvs/log/memory/index.ts'
import type { Frame } from '../../../kvs/sites/frames/frame.ts'
import { makeFeed } from '../../../kvs/sites/log-feed.ts'
import { at, framesIn, makeOwnSite, settle } from './fixtures.ts'
import { makeManualClock } from './manual-clock.ts'

function makeLog({ page = 5_000 } = {}) {
  const server = makeMemoryServer()
  const siteLog = makeMemorySiteLog({ server, name: 'reader', pageLimits: { entries: page, bytes: 1e9 } })
  const { site, advance, refuse, ...view } = makeOwnSite()
  const stopping = new AbortController()
  const time = makeManualClock()
  const group: { removal: MemberEntry | undefined } = { removal: undefined }
  const readers: LogReader[] = []
  const closed: LogReader[] = []
  let batches = 0
  const reads: { count: number; onPage: () => void } = { count: 0, onPage: () => undefined }
  const feed = makeFeed({
    async openReader() {
      const reader = await siteLog.openReader()
      readers.push(reader)
      return {
        ...reader,
        async read(...range) {
          const page = await reader.read(...range)
          reads.count++
          reads.onPage()
          return page
        },
        close() {
          closed.push(reader)
          return reader.close()
        },
      }
    },
    ...{ site, removal: () => group.removal, stopping: stopping.signal, clock: time.clock },
  })

  /** A batch at the log's end, of entries of this log, or of others': `a5` is the entry 5 of the log a. */
  function append(...names: string[]): void {
    insert(...names)
    advance(server.entries.length)
  }

  /** The same, and the view tells its readers of each entry, as the log has it or as `told` changes it. */
  async function appendTold(names: readonly string[], told: (entry: Entry) => Entry = (entry) => entry): Promise<void> {
    const after = BigInt(server.entries.length)
    insert(...names)
    const reader = await siteLog.openReader()
    view.apply(...(await reader.read(after)).map(told))
    await reader.close()
    advance(server.entries.length)
  }

  function insert(...names: readonly string[]): void {
    const digest = createHash('sha256').update(`${++batches}`).digest().subarray(0, 8)
    for (const name of names) {
      const [, logId = '', sequence = ''] = /^(\D+)(\d*)$/.exec(name) ?? []
      const stamp = server.entries.length + 1
      const origin = sequence === '' ? undefined : { logId, sequence: BigInt(sequence) }
      const row = { eventType: 2, key: name, value: Buffer.from(name), digest, stamp, highestStamp: stamp, origin }
      server.insertByHand({ ...row, writer: 1, writeNumber: BigInt(stamp) })
    }
  }

  const open = (query: { site?: string; have?: Position; stamps?: Record<string, number>; after?: Position } = {}) => {
    const { site: asker = 'asker', have = nowhere, stamps = {}, after = nowhere } = query
    return feed.open({ site: asker, have, stamps: new Map(Object.entries(stamps)), after })
  }
  const outcome = (query?: Parameters<typeof open>[0]) =>
    open(query).then(
      () => 'opened',
      (error) => (error instanceof KvsError ? `${error.code}: ${error.message}` : `${error}`),
    )
  return {
    ...{ server, group, append, appendTold, open, outcome, advance, refuse, view, stopping, time, readers, reads },
    get openReaders() {
      return readers.length - closed.length
    },
  }
}

/** All frames of a stream through a sequence of the log. */
async function framesThrough(stream: FeedStream, sequence: number): Promise<Frame[]> {
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = await stream.next()
    if (chunk === undefined) return framesIn(chunks)
    chunks.push(chunk)
    const frames = framesIn(chunks)
    const last = frames.at(-1)
    if (last?.type === 'end') throw new Error(last.sentence)
    if (last?.type === 'reached' && last.sequence >= sequence) return frames
  }
}

const keysOf = (frames: readonly Frame[]) =>
  frames.flatMap((frame) => (frame.type === 'entry' ? [frame.write.key] : []))
const reachedOf = (frames: readonly Frame[]) =>
  frames.flatMap((frame) => (frame.type === 'reached' ? [Number(frame.sequence)] : []))

test('entries of the asker are left out, and those that it has, but what is reached counts them', async () => {
  const log = makeLog()
  log.append('x', 'y')
  log.append('asker1', 'a1', 'a2', 'b7')
  log.append('z')
  const stamps = { [log.server.logId]: 2 }
  const frames = await framesThrough(await log.open({ have: at({ [log.server.logId]: 2, a: 1 }), stamps }), 7)
  expect(keysOf(frames)).toEqual(['a2', 'b7', 'z'])
  expect(frames[0]).toEqual({ type: 'hello', logId: log.server.logId, after: 2n })
  const last = frames.at(-1)
  const { sequences } = at({ [log.server.logId]: 7, asker: 1, a: 2, b: 7 })
  expect(last?.type === 'reached' && last.position).toEqual({ sequences, stamp: expect.any(Number) })
})

test('what is reached has a stamp that is later than all before it, and earlier than all that is written later', async () => {
  const log = makeLog()
  log.append('a9', 'x')
  const highest = () => Math.max(...log.server.entries.map(({ stamp }) => stamp))
  const stampsOf = (frames: readonly Frame[]) =>
    frames.flatMap((frame) => (frame.type === 'reached' ? [frame.position.stamp] : []))
  const before = highest()
  const had = { have: at({ [log.server.logId]: 2, a: 9 }), stamps: { [log.server.logId]: 2 } }
  const nothingNew = stampsOf(await framesThrough(await log.open(had), 2))
  const all = stampsOf(await framesThrough(await log.open(), 2))
  log.append('y')
  const { stamp } = log.server.entries.at(-1) ?? { stamp: 0 }
  for (const reached of [nothingNew.at(-1), all.at(-1)]) {
    expect(reached).toBeGreaterThanOrEqual(before)
    expect(reached).toBeLessThan(stamp)
  }
  // Before anything of the log is sent, nothing is promised.
  expect(all[0]).toBe(0)
})

test.each([1, 2, 3, 7])('a batch is sent whole, over pages of %i entries', async (page) => {
  const log = makeLog({ page })
  log.append('x', 'y')
  log.append('a1', 'a2', 'a3', 'a4', 'a5')
  log.append('z')
  const reached = reachedOf(await framesThrough(await log.open(), 8))
  for (const sequence of reached) expect([0, 2, 7, 8]).toContain(sequence)
})

test('no group of batches has more than 5,000 entries, unless it is one batch', async () => {
  const log = makeLog()
  const names = (count: number) => Array.from({ length: count }, () => 'x')
  log.append(...names(3_000))
  log.append(...names(3_000))
  log.append(...names(9_000))
  log.append('y')
  const reached = reachedOf(await framesThrough(await log.open(), 15_001))
  expect(reached).toEqual([0, 3_000, 6_000, 15_000, 15_001])
})

test('it gives signs of life where nothing happens, and goes on as soon as something does', async () => {
  const log = makeLog()
  const stream = await log.open()
  await stream.next()
  const chunks: (Buffer | undefined)[] = []
  void stream.next().then((chunk) => chunks.push(chunk))
  await log.time.pass(990)
  expect(chunks).toHaveLength(0)
  await log.time.pass(10)
  expect(chunks).toHaveLength(1)
  const next = stream.next()
  log.append('x')
  await settle()
  expect((await next)?.includes('x')).toBe(true)
})

test('writes of a few milliseconds share a read, and the first one does not wait', async () => {
  const log = makeLog()
  const stream = await log.open()
  const chunks = [await stream.next()]
  log.append('x')
  chunks.push(await stream.next())
  log.append('y')
  const next = stream.next()
  await settle()
  log.append('z')
  expect(log.reads.count).toBe(1)
  await log.time.pass(10)
  chunks.push(await next)
  expect(log.reads.count).toBe(2)
  expect(keysOf(framesIn(chunks.map((chunk) => chunk ?? Buffer.alloc(0))))).toEqual(['x', 'y', 'z'])
})

test('a site is told every 100 ms how far the log is where it gets nothing of it, and at once with what it gets', async () => {
  const log = makeLog()
  const stream = await log.open()
  await stream.next()
  const chunks: Buffer[] = []
  void (async () => {
    for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next()) chunks.push(chunk)
  })()
  for (let number = 1; number <= 30; number++) {
    log.append(`asker${number}`)
    await log.time.pass(10)
  }
  expect(chunks).toHaveLength(3)
  log.append('x')
  await log.time.pass(10)
  expect([chunks.length, chunks[3]?.includes('x')]).toEqual([4, true])
  await log.time.pass(990)
  expect(chunks).toHaveLength(4)
  await log.time.pass(10)
  expect(chunks).toHaveLength(5)
  stream.close()
})

test('what was there is sent, though there is more each time', async () => {
  const log = makeLog()
  const stream = await log.open()
  const chunks = [await stream.next()]
  log.append('x')
  log.reads.onPage = () => log.append('y')
  chunks.push(await stream.next())
  expect(keysOf(framesIn(chunks.map((chunk) => chunk ?? Buffer.alloc(0))))).toEqual(['x'])
})

test('what the view has just applied is sent without a read, group by group and by the same rules', async () => {
  const log = makeLog()
  log.append('x')
  const stream = await log.open()
  const chunks = [await stream.next(), await stream.next()]
  expect(log.reads.count).toBe(1)
  await log.appendTold(['y', 'z'])
  await log.appendTold(['asker1', 'a1'])
  await log.time.pass(10)
  chunks.push(await stream.next())
  const frames = framesIn(chunks.map((chunk) => chunk ?? Buffer.alloc(0)))
  expect([keysOf(frames), log.reads.count]).toEqual([['x', 'y', 'z', 'a1'], 1])
  const last = frames.at(-1)
  const { sequences } = at({ [log.server.logId]: 3, asker: 1, a: 1 })
  expect(last?.type === 'reached' && [last.sequence, last.position.sequences]).toEqual([5n, sequences])
})

test('where more was applied than is held, the log is read, and then what is applied again', async () => {
  const log = makeLog()
  const stream = await log.open()
  const names = Array.from({ length: 4_000 }, () => 'many')
  for (let batch = 0; batch < 3; batch++) await log.appendTold(names)
  expect(keysOf(await framesThrough(stream, 12_000))).toHaveLength(12_000)
  const { count } = log.reads
  expect(count).toBeGreaterThan(0)
  await log.appendTold(['y'], (entry) => ({ ...entry, write: { ...entry.write, key: 'told' } }))
  await log.time.pass(10)
  const chunk = await stream.next()
  expect([chunk?.includes('told'), log.reads.count]).toEqual([true, count])
})

test('it gives signs of life as well while it reads what is left out', async () => {
  const log = makeLog({ page: 10 })
  for (let number = 1; number <= 1_000; number++) log.append(`asker${number}`)
  const stream = await log.open()
  await stream.next()
  const { clock } = log.time
  const { now } = clock
  let pages = 0
  // Each page takes a while: the clock is looked at after each.
  clock.now = () => {
    pages++
    log.time.skip(300)
    return now()
  }
  expect(await stream.next()).toBeDefined()
  expect(pages).toBeLessThan(20)
})

test('what was sent before is skipped as long as the asker has all of it', async () => {
  const log = makeLog()
  const { logId } = log.server
  log.append('x')
  log.append('a1', 'a2', 'asker1')
  const query = { have: at({ [logId]: 1, a: 2 }), stamps: { [logId]: 1 }, after: at({ [logId]: 4 }) }
  expect((await framesThrough(await log.open(query), 4))[0]).toMatchObject({ after: 4n })
  // The log went back to its first entry, and on from there.
  const other = makeLog()
  other.append('x')
  other.append('p', 'q', 'r')
  const id = other.server.logId
  const again = { have: at({ [id]: 1, a: 2 }), stamps: { [id]: 1 }, after: at({ [id]: 4 }) }
  const frames = await framesThrough(await other.open(again), 4)
  expect([frames[0], keysOf(frames)]).toEqual([{ type: 'hello', logId: id, after: 1n }, ['p', 'q', 'r']])
})

test('what was sent before is not skipped beyond the end of the log', async () => {
  const log = makeLog()
  const { logId } = log.server
  log.append('x')
  const stream = await log.open({ have: at({ [logId]: 1 }), stamps: { [logId]: 1 }, after: at({ [logId]: 3 }) })
  log.append('p', 'q')
  const frames = await framesThrough(stream, 3)
  expect(keysOf(frames)).toEqual(['p', 'q'])
})

test('a log that lacks what was taken over from it has gone back', async () => {
  const log = makeLog()
  const { logId } = log.server
  log.append('x', 'a1')
  const wentBack = /^went_back: the log \w+ is not the one that its entries up to/
  expect(await log.outcome({ have: at({ [logId]: 3 }), stamps: { [logId]: 3 } })).toMatch(wentBack)
  expect(await log.outcome({ have: at({ [logId]: 1 }), stamps: { [logId]: 2 } })).toMatch(wentBack)
  expect(await log.outcome({ have: at({ [logId]: 1 }), stamps: {} })).toMatch(wentBack)
  expect(await log.outcome({ have: at({ [logId]: 2 }), stamps: { [logId]: 2 } })).toMatch(wentBack)
  expect(log.openReaders).toBe(0)
  expect(await log.outcome({ have: at({ [logId]: 1, other: 9 }), stamps: { [logId]: 1 } })).toBe('opened')
})

test('16 feeds are open at once; one that could not be opened, or is closed, makes room', async () => {
  const log = makeLog()
  const streams = await Promise.all(Array.from({ length: 16 }, () => log.open()))
  expect(await log.outcome()).toBe('overloaded: 16 sites follow this node already')
  streams[0]?.close()
  streams[0]?.close()
  expect(await log.outcome({ have: at({ [log.server.logId]: 3 }) })).toMatch(/^went_back/)
  expect(await log.outcome()).toBe('opened')
  expect(await log.outcome()).toMatch(/^overloaded/)
  expect(log.openReaders).toBe(16)
})

test('a closed stream keeps no connection, no timer and no listener, and is at its end', async () => {
  const log = makeLog()
  const stream = await log.open()
  await stream.next()
  const waiting = stream.next()
  await settle()
  stream.close()
  await waiting
  expect([await stream.next(), log.openReaders, log.time.waiting]).toEqual([undefined, 0, 0])
})

test('a feed ends, and says so, when the node stops; no more are opened', async () => {
  const log = makeLog()
  const stream = await log.open()
  await stream.next()
  const waiting = stream.next()
  log.stopping.abort()
  const last = await waiting
  expect(last?.includes('the node stops')).toBe(true)
  expect([await stream.next(), log.openReaders]).toEqual([undefined, 0])
  expect(await log.outcome()).toMatch(/^draining/)
})

test('a feed that was opened as the node began to stop ends without waiting', async () => {
  const log = makeLog()
  const stream = await log.open()
  log.stopping.abort()
  await stream.next()
  expect((await stream.next())?.includes('the node stops')).toBe(true)
  expect(log.openReaders).toBe(0)
})

test('a feed ends when its connection to the log is lost, and when the log diverged', async () => {
  const lost = makeLog()
  const stream = await lost.open()
  await stream.next()
  const waiting = stream.next()
  lost.server.endSessions()
  expect((await waiting)?.includes('ended')).toBe(true)
  expect(lost.openReaders).toBe(0)
  const diverged = makeLog()
  const other = await diverged.open()
  await other.next()
  diverged.refuse(new KvsError('not_ready', 'the node is diverged'))
  const end = other.next()
  await diverged.time.pass(1_000)
  const [frame] = framesIn([
    await new Promise<Buffer>((resolve) => void end.then((chunk) => resolve(withHello(chunk)))),
  ]).slice(-1)
  expect(frame).toEqual({ type: 'end', code: 'diverged', sentence: 'the node is diverged' })
  expect(await diverged.outcome()).toBe('not_ready: the node is diverged')
})

test('a site that was taken out sends its log through there, to who has not heard of it', async () => {
  const log = makeLog()
  const { logId } = log.server
  log.append('x')
  log.append('leave')
  log.append('of later')
  const leave = { isMember: false, stamp: 2, isExpiry: false, origin: logId, sequence: 2n, originSequence: 2n }
  log.group.removal = leave
  const stream = await log.open()
  expect(keysOf(await framesThrough(stream, 2))).toEqual(['x', 'leave'])
  const end = stream.next()
  await log.time.pass(10)
  expect((await end)?.includes('was taken out of its group')).toBe(true)
  expect(await stream.next()).toBeUndefined()
  const has = (sequence: number, others = {}) => ({
    have: at({ [logId]: sequence, ...others }),
    stamps: { [logId]: sequence },
  })
  expect([await log.outcome(has(1)), await log.outcome(has(2))]).toEqual(['opened', expect.stringMatching(/^removed/)])
  log.group.removal = { ...leave, origin: 'another', originSequence: 7n }
  expect(await log.outcome(has(2, { another: 6 }))).toBe('opened')
  expect(await log.outcome(has(1, { another: 7 }))).toMatch(/^removed/)
  log.group.removal = { ...leave, origin: 'asker', originSequence: 7n }
  expect(await log.outcome(has(2))).toMatch(/^removed/)
})

test('a log that is down says so, and keeps nothing open', async () => {
  const log = makeLog()
  log.server.stop()
  expect(await log.outcome()).toMatch(/^log_down: the log can’t be read: /)
  expect(log.openReaders).toBe(0)
})

/** A hello before what a stream goes on with. */
function withHello(chunk: Buffer | undefined): Buffer {
  const hello = Buffer.from([16, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 97, 97, 97, 97, 97])
  return Buffer.concat([hello, chunk ?? Buffer.alloc(0)])
}
