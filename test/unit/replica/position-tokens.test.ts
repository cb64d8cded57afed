import { expect, test } from 'vitest'
import type { KvsError } from '../../../kvs/core/errors.ts'
import type { Write } from '../../../kvs/core/operation/operation.ts'
import { covers, formatPosition, type Position, parsePosition } from '../../../kvs/core/position.ts'
import { put, remove } from '../../support/entries.ts'
import { foreign, makeTakeOver } from './foreign-entries.ts'
import { makeWorld } from './virtual-nodes.ts'

const at = (text: string): Position => parsePosition(text) ?? expect.fail(text)
/** Later than all that the logs of these tests write themselves. */
const late = 4_000_000_000_000_000

/** A node of a site, with what the site takes over. */
async function makeSite() {
  const world = makeWorld()
  const takeOver = makeTakeOver(world.server)
  const node = await world.start({ site: true, waitTimeoutMs: 1_000 })
  const { store } = node
  const token = (key?: string) => at(store.position(key))
  const write = (one: Write) => world.settled(store.write(one))
  const own = world.server.logId
  return { ...world, node, store, takeOver, token, write, own }
}

const outcome = (wait: Promise<unknown>) =>
  wait.then(
    () => 'there',
    (error: KvsError) => error.code,
  )

test('a site’s token has each origin and the highest stamp; a taken-over entry does not raise the own component', async () => {
  const { node, store, takeOver, token, own, until } = await makeSite()
  expect(store.position()).toBe(`${own}=0`)
  await node.put('a')
  expect(token().stamp).toBeLessThan(late)
  takeOver(foreign('b', 7n, put('x'), 5), foreign('c', 2n, put('y'), late))
  await until(() => store.get('y') !== undefined)
  expect(token()).toEqual({ sequences: new Map(Object.entries({ [own]: 1n, b: 7n, c: 2n })), stamp: late })
})

test('a token is waited for until the last of its components is there', async () => {
  const { node, store, takeOver, settled, pass } = await makeSite()
  await node.put('a')
  const waiting = store.waitFor(at(`b=2,c=1,d=0,${store.position()}`))
  let isThere = false
  void waiting.then(() => {
    isThere = true
  })
  takeOver(foreign('b', 2n, put('x'), 5))
  await pass(600)
  expect(isThere).toBe(false)
  takeOver(foreign('c', 1n, put('y'), 6))
  await settled(waiting)
  expect(await store.dependencyOn(at('b=2,c=1'))).toBeUndefined()
})

test('a token that does not come in time is behind for a read, and what a write depends on', async () => {
  const { store, node, settled, write, token } = await makeSite()
  await node.put('old')
  const asked = at(`b=2,stamp=${late}`)
  expect(await settled(outcome(store.waitFor(asked)))).toBe('behind')
  expect(await settled(outcome(store.waitFor(asked, 'old')))).toBe('behind')
  const after = await settled(store.dependencyOn(asked))
  expect(after).toEqual(asked)
  expect(await write({ ...put('a', '1'), after })).toMatchObject({ replaced: false })
  expect(covers(token('a'), asked)).toBe(true)
  expect(token('a').stamp).toBeGreaterThan(late)
  expect(covers(token(), asked)).toBe(false)
  expect(covers(token('old'), asked)).toBe(false)
})

test('a read is answered at once from a version that was written with the token in its past', async () => {
  const { store, settled, write, token } = await makeSite()
  await write({ ...put('a', '1'), after: at('b=2,c=1') })
  await write({ ...remove('gone'), after: at('b=2') })
  await store.waitFor(at('b=1,c=1'), 'a')
  expect(await settled(outcome(store.waitFor(at('b=2'), 'gone')))).toBe('there')
  expect(await settled(outcome(store.waitFor(at('b=3'), 'a')))).toBe('behind')
  expect(await settled(outcome(store.waitFor(at('b=2'))))).toBe('behind')
  await write(put('a', '2'))
  expect(covers(token('a'), at('b=2'))).toBe(false)
  expect(await settled(outcome(store.waitFor(at('b=2'), 'a')))).toBe('behind')
})

test('a dependency goes out of the tokens once it is met', async () => {
  const { store, takeOver, until, write, token, own } = await makeSite()
  await write({ ...put('a', '1'), after: at('b=2') })
  expect(token('a').sequences.get('b')).toBe(2n)
  takeOver(foreign('b', 2n, put('x'), 5))
  await until(() => store.get('x') !== undefined)
  expect(store.position('a')).toBe(store.position())
  expect(token().sequences).toEqual(new Map(Object.entries({ [own]: 1n, b: 2n })))
})

test('lists answer with what any key depends on', async () => {
  const { store, settled, write } = await makeSite()
  await write({ ...put('a', '1'), after: at('b=2') })
  await write({ ...remove('z'), after: at('c=3') })
  const all = at(store.position())
  const ranges = [{ from: Buffer.alloc(0), to: undefined }]
  const page = await settled(store.listValues({ ranges, limit: 10, maxBytes: 100 }))
  const listing = await settled(store.listKeys({ ranges, limit: 10, delimiter: undefined }))
  listing.close()
  const { position } = await settled(store.countKeys(ranges))
  for (const text of [page.position, listing.position, position]) {
    expect(at(text).sequences).toEqual(new Map([...all.sequences, ['b', 2n], ['c', 3n]]))
  }
})

test('a transaction depends on its token, and on what the keys that it counts on depend on', async () => {
  const { store, settled, write, token, server } = await makeSite()
  await write({ ...put('n', '1'), after: at('b=2') })
  const operations = [{ kind: 'add' as const, key: 'n', by: 1n }, put('m')]
  const done = await settled(
    store.transact({ conditions: [], operations, idempotencyKey: undefined, after: at('c=3') }),
  )
  expect(covers(at(done.position), at('c=3'))).toBe(true)
  for (const key of ['n', 'm']) expect(covers(token(key), at('b=2,c=3'))).toBe(true)
  expect(server.entries.slice(-2).map(({ after }) => after)).toEqual([at('b=2,c=3'), at('b=2,c=3')])
})

test('with the own log down a write that depends on something is behind, and nothing is stored', async () => {
  const { store, server, settled, until, node } = await makeSite()
  await node.put('a')
  server.stop()
  await until(() => store.status().state === 'log down')
  expect(await settled(outcome(store.dependencyOn(at('b=2'))))).toBe('behind')
  expect(store.status().spool.writes).toBe(0)
  expect(await settled(store.write(put('a', '3')))).toBe('spooled')
  expect(node.shows('a')).toBe('3')
})

test('entries of other logs overtake no spooled write', async () => {
  const { store, server, settled, until, node } = await makeSite()
  await node.put('a', undefined, '1')
  server.stop()
  await until(() => store.status().state === 'log down')
  expect(await settled(store.write(put('a', 'spooled')))).toBe('spooled')
  server.start()
  makeTakeOver(server)(foreign('c', 1n, put('a', 'theirs'), late))
  await until(() => store.status().state === 'serving' && store.status().spool.writes === 0)
  expect(node.shows('a')).toBe('spooled')
  expect(server.entries.map(({ superseded }) => superseded)).toEqual([false, false, false])
})

test('a log that is no site refuses tokens of logs that it knows nothing of', async () => {
  const { start, server, settled, until } = makeWorld()
  const takeOver = makeTakeOver(server)
  const node = await start({ waitTimeoutMs: 1_000 })
  const { store } = node
  await node.put('a')
  expect(store.position()).toBe(`${server.logId}=1`)
  for (const text of ['b=1', 'b=0']) expect(await outcome(store.waitFor(at(text)))).toBe('bad_position')
  expect(await outcome(store.dependencyOn(at('b=1')))).toBe('bad_position')
  expect(await settled(outcome(store.dependencyOn(at(`${server.logId}=2`))))).toBe('behind')
  expect(await store.dependencyOn(at(`${server.logId}=1`))).toBeUndefined()
  // As one that was a site's
  takeOver(foreign('b', 7n, put('x'), late))
  await until(() => store.get('x') !== undefined)
  const both = { sequences: new Map([['b', 7n]]).set(server.logId, 1n), stamp: 0 }
  expect(store.position()).toBe(formatPosition(both))
  expect(await outcome(store.waitFor(at('b=7')))).toBe('there')
  expect(await settled(outcome(store.dependencyOn(at('b=8'))))).toBe('behind')
  expect(await outcome(store.waitFor(at('c=1')))).toBe('bad_position')
})
