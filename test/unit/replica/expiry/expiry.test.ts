import { expect, test } from 'vitest'
import type { Precondition } from '../../../../kvs/core/precondition.ts'
import { makeMemoryLog } from '../../../../kvs/log/memory/index.ts'
import { patience } from '../../../../kvs/replica/expiry/reaper-turn.ts'
import { makeReplica } from '../../../../kvs/replica/replica.ts'
import { limits, logger, makeWorld, putFor, quiet } from '../virtual-nodes.ts'

test('a key is shown up to its deadline, and not from there on; without one it stays', async () => {
  const { start, pass } = makeWorld()
  const node = await start()
  await node.put('a', 1_000)
  await node.put('b')
  const { deadline = 0 } = node.store.get('a') ?? {}
  await pass(deadline - 1 - node.store.now())
  expect([node.store.now(), node.shows('a')]).toEqual([deadline - 1, 'v'])
  await pass(1)
  expect([node.store.now(), node.shows('a')]).toEqual([deadline, undefined])
  await pass(60_000)
  expect([node.shows('a'), node.shows('b')]).toEqual([undefined, 'v'])
})

test('a deadline that is over means absent at once', async () => {
  const { start } = makeWorld()
  const node = await start()
  await node.put('a')
  await node.put('a', 0)
  expect(node.shows('a')).toBeUndefined()
})

test('a condition that holds when it is decided on, and not by the log’s time, is decided anew', async () => {
  const { start, settled } = makeWorld()
  const node = await start()
  await node.put('a', 100)
  await node.put('b', 100)
  node.delay = ({ kind }) => (kind === 'append-conditional' ? 300 : 1)
  const { tag = '' } = node.store.get('a') ?? {}
  const putIf = (key: string, precondition: Precondition) =>
    node.store.writeIf({ write: putFor(node.store.now(), key, 10_000, 'w'), precondition, idempotencyKey: undefined })
  const renewed = putIf('a', { ifMatch: [tag] })
  const created = putIf('b', { ifNoneMatch: '*' })
  await expect(settled(renewed)).rejects.toMatchObject({ code: 'condition_failed' })
  expect(await settled(created)).toMatchObject({ replaced: false })
  expect([node.shows('a'), node.shows('b')]).toEqual([undefined, 'w'])
})

test('one node records each expiry once in the log, and every view lets go of the key', async () => {
  const { start, until, settled, pass, server, expiries } = makeWorld()
  const nodes = [await start(), await start(), await start()]
  const keys = Array.from({ length: 1_000 }, (_, n) => `key ${n}`)
  const puts = keys.map((key, n) => nodes[n % 3]?.store.write(putFor(nodes[0]?.store.now() ?? 0, key, 500, 'v')))
  await settled(Promise.all(puts))
  await until(() => nodes.every(({ store }) => store.measures().view.keys === 0))
  expect(
    expiries()
      .map(({ key }) => key)
      .sort(),
  ).toEqual([...keys].sort())
  const asked = new Map(server.entries.flatMap(({ key, value, deadline }) => (value ? [[key, deadline] as const] : [])))
  for (const { key, deadline, recordedAt } of expiries()) {
    expect(deadline).toBe(asked.get(key))
    expect(recordedAt).toBeGreaterThanOrEqual(deadline ?? Infinity)
  }
  expect(new Set(expiries().map(({ writer }) => writer)).size).toBe(1)
  const appended = nodes.map(({ store }) => store.measures().expiries)
  expect(appended.toSorted((one, other) => other - one)).toEqual([1_000, 0, 0])
  for (const { store } of nodes) expect(store.measures().view.deadlines).toEqual({ pending: 0, lapsed: 0 })
  await pass(60_000)
  expect(expiries()).toHaveLength(1_000)
})

test('as long as a node records expiries, the others leave it to that one', async () => {
  const { start, until, settled, expiries } = makeWorld()
  const nodes = [await start(), await start(), await start()]
  // With so many keys and so slow a log, some are lapsed all the time, for longer than any node would wait.
  const puts = Array.from({ length: 4_000 }, (_, n) =>
    nodes[n % 3]?.store.write(putFor(nodes[0]?.store.now() ?? 0, `key ${n}`, 10, 'v')),
  )
  await settled(Promise.all(puts))
  for (const node of nodes) node.delay = ({ kind }) => (kind === 'append-conditional' ? 300 : 1)
  const begun = nodes[0]?.store.now() ?? 0
  await until(() => nodes.every(({ store }) => store.measures().view.keys === 0))
  expect((nodes[0]?.store.now() ?? 0) - begun).toBeGreaterThan(2 * patience.most)
  expect(expiries()).toHaveLength(4_000)
  expect(new Set(expiries().map(({ writer }) => writer)).size).toBe(1)
})

test('where the node whose turn it is has gone, another one goes on', async () => {
  const { start, until, expiries } = makeWorld()
  const nodes = [await start(), await start()]
  await nodes[0]?.put('a', 10)
  await until(() => nodes.some(({ store }) => store.measures().expiries > 0))
  const reaper = nodes.find(({ store }) => store.measures().expiries > 0)
  const other = nodes.find((node) => node !== reaper)
  await other?.put('b', 10)
  await until(() => reaper?.store.measures().expiries === 2, patience.least)
  reaper?.kill()
  await other?.put('c', 10)
  await until(() => other?.store.measures().expiries === 1)
  await other?.put('d', 10)
  await until(() => expiries().length === 4, patience.least)
})

test('a renewal that the reaper has not seen is kept', async () => {
  const { start, until, settled, pass, server, expiries } = makeWorld()
  const reaper = await start()
  await reaper.put('first', 10)
  await until(() => expiries().length === 1)
  const other = await start()
  await other.put('a', 100)
  await until(() => reaper.shows('a') !== undefined)
  // It hears of nothing now, and its own append is late.
  reaper.delay = ({ kind }) => (kind === 'append-conditional' ? 800 : kind === 'notification' ? 5_000 : 1)
  await until(() => reaper.store.measures().view.deadlines.lapsed === 1)
  await other.put('a', 60_000, 'renewed')
  await pass(5_000)
  expect([reaper.shows('a'), other.shows('a')]).toEqual(['renewed', 'renewed'])
  expect(server.entries.filter(({ key }) => key === 'a')).toHaveLength(2)
  expect(expiries()).toHaveLength(1)
  await settled(reaper.store.waitForHead())
})

test('a renewal by this very node, while its reaper is at it, is kept', async () => {
  const { start, until, pass, expiries } = makeWorld()
  const node = await start()
  await node.put('first', 10)
  await until(() => expiries().length === 1)
  await node.put('a', 100)
  node.delay = ({ kind }) => (kind.startsWith('append') ? 300 : 1)
  await until(() => node.store.measures().queue.writes > 0 || node.store.measures().view.deadlines.lapsed > 0)
  await node.put('a', undefined, 'renewed')
  await pass(10_000)
  const ofKey = expiries().filter(({ key }) => key === 'a')
  expect([node.shows('a'), ofKey.length <= 1]).toEqual(['renewed', true])
})

test('what was renewed while the log was down is not superseded by the expiry', async () => {
  const { start, until, server, pass, expiries } = makeWorld()
  const reaper = await start()
  await reaper.put('first', 10)
  await until(() => expiries().length === 1)
  const other = await start()
  await other.put('a', 1_000)
  await until(() => reaper.shows('a') !== undefined)
  other.fate = () => 'reset'
  await until(() => other.store.status().state === 'log down')
  expect(await other.put('a', undefined, 'renewed')).toBe('spooled')
  await until(() => expiries().length === 2)
  expect(other.shows('a')).toBe('renewed')
  other.fate = () => 'arrives'
  await until(() => other.store.status().state === 'serving' && other.store.status().spool.writes === 0)
  await pass(1_000)
  expect(server.entries.at(-1)).toMatchObject({ key: 'a', superseded: false })
  expect([reaper.shows('a'), other.shows('a')]).toEqual(['renewed', 'renewed'])
})

test('what is spooled ends as well, while the log is down and after it', async () => {
  const { start, until, pass, expiries } = makeWorld()
  const node = await start()
  await node.put('a')
  node.fate = () => 'reset'
  await until(() => node.store.status().state === 'log down')
  expect(await node.put('a', 1_000, 'new')).toBe('spooled')
  expect([node.shows('a'), node.store.get('a')?.tag]).toEqual(['new', undefined])
  await pass(1_000)
  expect(node.shows('a')).toBeUndefined()
  node.fate = () => 'arrives'
  await until(() => node.store.status().state === 'serving')
  expect(node.shows('a')).toBeUndefined()
  await until(() => node.store.measures().view.keys === 0)
  expect(expiries()).toHaveLength(1)
})

test('If-None-Match: * on a lapsed key creates it, and its expiry never comes', async () => {
  const { start, settled, pass, expiries } = makeWorld()
  const node = await start()
  await node.put('a', 100)
  const { store } = node
  const create = () =>
    store.writeIf({
      write: putFor(0, 'a', undefined, 'new'),
      precondition: { ifNoneMatch: '*' },
      idempotencyKey: undefined,
    })
  await expect(settled(create())).rejects.toMatchObject({ code: 'condition_failed' })
  await pass(100)
  expect(await settled(create())).toMatchObject({ replaced: false })
  await pass(60_000)
  expect([node.shows('a'), expiries()]).toEqual(['new', []])
})

test('two nodes disagree for no longer than an answer of the log takes to arrive', async () => {
  const { scheduler, start, until, pass, now } = makeWorld()
  const [near, far] = [await start(), await start()]
  const answerMs = 400
  far.delay = ({ leg, kind }) => (leg === 'answer' && kind !== 'notification' ? answerMs : 0)
  near.delay = () => 0
  await pass(5_000)
  await near.put('a', 5_000)
  await until(() => far.shows('a') !== undefined)
  const { deadline = 0 } = near.store.get('a') ?? {}
  const gone = new Map<unknown, number>()
  await until(() => {
    for (const node of [near, far]) if (node.shows('a') === undefined && !gone.has(node)) gone.set(node, now())
    expect(near.store.now()).toBeLessThanOrEqual(now())
    expect(far.store.now()).toBeLessThanOrEqual(now())
    return gone.size === 2
  })
  const [nearAt = 0, farAt = 0] = [gone.get(near), gone.get(far)]
  expect(nearAt).toBeGreaterThanOrEqual(deadline)
  expect(farAt - nearAt).toBeGreaterThan(answerMs / 2)
  // The condition is looked at with each event alone, of which there is one each 250 ms at least.
  expect(farAt - nearAt).toBeLessThanOrEqual(answerMs + 250)
  expect(scheduler.now).toBeLessThan(20_000)
})

test.each(['the log’s end', 'a conditional write', 'a write'])(
  '?consistent judges by the time of the log’s answer: to %s',
  async (question) => {
    const { start, until, settled, pass } = makeWorld()
    const [near, far] = [await start(), await start()]
    near.delay = () => 0
    far.delay = ({ leg }) => (leg === 'answer' ? 400 : 0)
    await pass(5_000)
    await near.put('a', 3_000)
    await until(() => far.shows('a') !== undefined)
    await until(() => near.shows('a') === undefined)
    expect(far.shows('a')).toBe('v')
    // Sooner than the answer from which it knows the time so far.
    far.delay = ({ leg }) => (leg === 'answer' ? 50 : 0)
    const write = putFor(0, 'b', undefined, 'v')
    if (question === 'a write') void far.store.write(write)
    else if (question === 'a conditional write') {
      void far.store.writeIf({ write, precondition: { ifNoneMatch: '*' }, idempotencyKey: undefined })
    }
    await settled(far.store.waitForHead())
    expect(far.shows('a')).toBeUndefined()
  },
)

test('a start keeps deadlines, from the checkpoint as from the log', async () => {
  const { start, server, pass, until, expiries } = makeWorld()
  const first = await start()
  await first.put('a', 8_000)
  server.advanceCheckpoint()
  await first.put('b', 9_000)
  const deadlines = ['a', 'b'].map((key) => first.store.get(key)?.deadline)
  first.kill()
  const second = await start()
  expect(['a', 'b'].map((key) => second.store.get(key)?.deadline)).toEqual(deadlines)
  await pass((deadlines[0] ?? 0) - second.store.now())
  expect([second.shows('a'), second.shows('b')]).toEqual([undefined, 'v'])
  await until(() => expiries().length === 2)
})

test('before the first answer of the log, nobody knows its time', () => {
  const { server } = makeWorld()
  const store = makeReplica({
    ...{ log: makeMemoryLog({ server, writerId: 'x' }), spool: undefined, limits, logger, onReplayed: quiet },
    spooling: { on: false, reason: null, maxBytes: 0 },
    ...{ connectTimeoutMs: undefined, tailIntervalMs: 500, waitTimeoutMs: 5_000, maxLagMs: 5_000 },
  })
  expect(() => store.now()).toThrow(expect.objectContaining({ code: 'not_ready' }))
})
