import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { KeyRange } from '../../../../kvs/core/key-range.ts'
import type { KeyQuery } from '../../../../kvs/kv/index.ts'
import { type Link, makeMemoryLog, makeMemoryServer, type Network } from '../../../../kvs/log/memory/index.ts'
import { makeOrderedKeys } from '../../../../kvs/order/index.ts'
import { makeLists, maxOpenLists, maxPageValues } from '../../../../kvs/replica/lists/lists.ts'
import { makeReplica, type Replica } from '../../../../kvs/replica/replica.ts'
import type { ReplicaOptions } from '../../../../kvs/replica/replica-options.ts'
import { makeSqliteStorage, openSpool } from '../../../../kvs/spool/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { makeDirectory } from '../../../support/node.ts'

const everything: readonly KeyRange[] = [{ from: Buffer.of(), to: undefined }]

/** A way to the log that can be cut. */
interface CuttableNetwork extends Network {
  isCut: boolean
  cut(): void
}

function makeCuttableNetwork(): CuttableNetwork {
  const links: Link[] = []
  const network: CuttableNetwork = {
    isCut: false,
    cut() {
      network.isCut = true
      for (const link of links.splice(0)) link.reset('both ends')
    },
    carry: async () => (network.isCut ? 'reset' : 'arrives'),
    opened: (link) => void links.push(link),
  }
  return network
}

const quiet = () => undefined

/** Starts a replica that spools, and stops it after the test. */
async function start(server = makeMemoryServer(), rest: Partial<ReplicaOptions> = {}) {
  const network = makeCuttableNetwork()
  const spool = await openSpool({ storage: makeSqliteStorage(join(makeDirectory(), 'spool.db')), maxBytes: 1e9 })
  const replica = makeReplica({
    log: makeMemoryLog({ server, writerId: randomUUID(), network }),
    onReplayed: quiet,
    spool,
    spooling: { on: true, reason: null, maxBytes: 1e9 },
    limits: { maxWrites: 10_000, maxBytes: 1e9, timeoutMs: 60_000, graceMs: 0 },
    connectTimeoutMs: undefined,
    tailIntervalMs: 20,
    waitTimeoutMs: 2_000,
    maxLagMs: 1_000,
    logger: { info: quiet, warn: quiet, error: quiet },
    ...rest,
  })
  const running = replica.run()
  onTestFinished(async () => {
    await replica.stop()
    await running
    await spool.close()
  })
  await expect.poll(() => replica.status().state).toBe('serving')
  return { replica, network, spool, server }
}

async function list(replica: Replica, query: Partial<KeyQuery> = {}) {
  const listing = await replica.listKeys({ ranges: everything, limit: undefined, delimiter: undefined, ...query })
  const keys: string[] = []
  for (let taken = listing.take(2); taken.length > 0; taken = listing.take(2)) keys.push(...taken.map(String))
  const { position, hasMore } = listing
  listing.close()
  return { position, keys, hasMore }
}

/** From a key on, up to all that begin with `~`. */
const from = (key: string): readonly KeyRange[] => [{ from: Buffer.from(key), to: Buffer.from('~') }]

test.each(['the first list', 'lists after it'])('keys come in order, in pages, by subtrees: %s', async (which) => {
  const { replica } = await start()
  const keys = ['a', 'b/1', 'b/2', 'b/3', 'c', 'é', '\uffee', '😀']
  for (const key of keys.toReversed()) await replica.write(put(key))
  if (which !== 'the first list') await list(replica)
  const position = replica.position()
  const query = { ranges: from('a\0'), limit: 3 }
  expect(await list(replica, query)).toEqual({ position, keys: ['b/1', 'b/2', 'b/3'], hasMore: true })
  const slash = { text: Buffer.from('/'), after: 0 }
  expect(await list(replica, { limit: 3, delimiter: slash })).toMatchObject({ keys: ['a', 'b/', 'c'], hasMore: true })
  expect(await list(replica)).toEqual({ position, keys, hasMore: false })
  expect(await replica.countKeys([...from('b'), { from: Buffer.from('😀'), to: undefined }])).toEqual({
    count: 5,
    position,
  })
})

test('a list stays as it was, whatever is written meanwhile', async () => {
  const { replica } = await start()
  const keys = Array.from({ length: 600 }, (_, n) => `key ${1_000 + n}`)
  await Promise.all(keys.map((key) => replica.write(put(key))))
  const position = replica.position()
  const listing = await replica.listKeys({ ranges: everything, limit: undefined, delimiter: undefined })
  expect(listing.take(1).map(String)).toEqual(keys.slice(0, 1))
  await Promise.all(keys.map((key, n) => replica.write(n % 2 === 0 ? remove(key) : put(`${key} more`))))
  expect(listing.take(1_000).map(String)).toEqual(keys.slice(1))
  expect([listing.position, listing.hasMore]).toEqual([position, false])
  listing.close()
  expect(listing.take(1)).toEqual([])
  expect((await list(replica)).keys.length).toBe(600)
})

test('while the log is down lists show what is spooled, and what was deleted so', async () => {
  const { replica, network, spool } = await start()
  for (const key of ['a', 'b', 'c']) await replica.write(put(key))
  await list(replica)
  network.cut()
  await expect.poll(() => replica.status().state).toBe('log down')
  const late = await Promise.all([replica.write(remove('b')), replica.write(put('d')), replica.write(put('a', '2'))])
  expect(late).toEqual(['spooled', 'spooled', 'spooled'])
  expect((await list(replica)).keys).toEqual(['a', 'c', 'd'])
  const { items } = await replica.listValues({ ranges: everything, limit: 10, maxBytes: 1_000 })
  expect(items.map(({ key, found }) => [key, found.value.toString(), found.tag === undefined])).toEqual([
    ['a', '2', true],
    ['c', 'v', false],
    ['d', 'v', true],
  ])
  network.isCut = false
  await expect.poll(() => spool.writes).toBe(0)
  expect((await list(replica)).keys).toEqual(['a', 'c', 'd'])
})

test('the first list of a node whose spool is not empty shows what is in it', async () => {
  const { replica, network } = await start()
  for (const key of ['a', 'b']) await replica.write(put(key))
  network.cut()
  await expect.poll(() => replica.status().state).toBe('log down')
  await Promise.all([replica.write(remove('b')), replica.write(put('c'))])
  expect((await list(replica, { limit: 1 })).keys).toEqual(['a'])
  expect(await replica.countKeys(everything)).toMatchObject({ count: 2 })
  expect((await list(replica)).keys).toEqual(['a', 'c'])
})

test('what another node has overtaken is shown as that one has written it', async () => {
  const server = makeMemoryServer()
  const [behind, ahead] = [await start(server), await start(server)]
  for (const key of ['stays', 'goes', 'both']) await ahead.replica.write(put(key))
  await expect.poll(() => behind.replica.get('both')?.value.toString()).toBe('v')
  await Promise.all([list(behind.replica), list(ahead.replica)])
  behind.network.cut()
  await expect.poll(() => behind.replica.status().state).toBe('log down')
  await Promise.all([remove('stays'), put('goes', '2'), put('new')].map((write) => behind.replica.write(write)))
  for (const write of [put('stays', '3'), remove('goes'), put('new', '3'), remove('new')]) {
    await ahead.replica.write(write)
  }
  expect((await list(behind.replica)).keys).toEqual(['both', 'goes', 'new'])
  behind.network.isCut = false
  await expect.poll(() => behind.spool.writes).toBe(0)
  await expect.poll(() => behind.replica.position()).toBe(ahead.replica.position())
  expect(await list(behind.replica)).toMatchObject({ keys: ['both', 'stays'] })
  expect(await list(behind.replica)).toEqual(await list(ahead.replica))
})

test('a page of values ends before its bounds, and has one value at least', async () => {
  const { replica } = await start()
  const sizes = [10, 5_000, 10, 10, 10]
  for (const [n, size] of sizes.entries()) await replica.write(put(`key ${n}`, 'v'.repeat(size)))
  const page = async (ranges: readonly KeyRange[], limit: number, maxBytes: number) => {
    const { items, last, position } = await replica.listValues({ ranges, limit, maxBytes })
    expect(position).toBe(replica.position())
    for (const { key, found } of items) expect(found).toEqual(replica.get(key))
    return [items.map(({ key }) => key.slice(-1)).join(''), last]
  }
  for (const _ of ['by a scan', 'by the keys in order']) {
    expect(await page(everything, 10, 1_000)).toEqual(['0', 'key 0'])
    expect(await page(from('key 1'), 10, 1_000)).toEqual(['1', 'key 1'])
    expect(await page(from('key 2'), 10, 30)).toEqual(['234', undefined])
    expect(await page(from('key 2'), 10, 29)).toEqual(['23', 'key 3'])
    expect(await page(from('key 2'), 2, 1_000)).toEqual(['23', 'key 3'])
    await replica.countKeys(everything)
  }
  await Promise.all(Array.from({ length: maxPageValues }, (_, n) => replica.write(put(`more ${n}`, ''))))
  const { items, last } = await replica.listValues({ ranges: everything, limit: 10_000, maxBytes: 1e9 })
  expect([items.length, last]).toEqual([maxPageValues, items.at(-1)?.key])
})

test('a page whose values have ended in this very moment goes on after them', async () => {
  const found = { value: Buffer.from('x'), contentType: undefined, tag: undefined, modifiedAt: 0, deadline: undefined }
  const keys = makeOrderedKeys()
  for (const key of ['a', 'b', 'c']) keys.add(Buffer.from(key), 0, 1)
  const { listValues } = makeLists({
    shown: { get: (key) => (key === 'c' ? found : undefined) },
    shownKeys: { withKeys: async (_, use) => use(keys) },
    position: () => 'log=1',
    owns: () => undefined,
    requireReadable: () => undefined,
  })
  const page = (ranges: readonly KeyRange[]) => listValues({ ranges, limit: 2, maxBytes: 1_000 })
  expect(await page(everything)).toEqual({ position: 'log=1', items: [], last: 'b' })
  expect(await page(from('b!'))).toEqual({ position: 'log=1', items: [{ key: 'c', found }], last: undefined })
})

test('no more lists are open than the bound says', async () => {
  const { replica } = await start()
  await replica.write(put('a'))
  const open = () => replica.listKeys({ ranges: everything, limit: 1, delimiter: undefined })
  const listings = await Promise.all(Array.from({ length: maxOpenLists }, open))
  const overloaded = { code: 'overloaded', message: expect.stringContaining('lists are open') }
  await expect(open()).rejects.toMatchObject(overloaded)
  await expect(replica.countKeys(everything)).rejects.toMatchObject(overloaded)
  listings[0]?.close()
  listings[0]?.close()
  listings.push(await open())
  await expect(open()).rejects.toMatchObject(overloaded)
  for (const listing of listings) listing.close()
  for (let n = 0; n < 2 * maxOpenLists; n++) await replica.countKeys(everything)
})

test('a node that is not ready refuses lists, and one that stops ends those that wait', async () => {
  const pauses: (() => void)[] = []
  const { replica } = await start(makeMemoryServer(), { slices: { pause: (next) => pauses.push(next) } })
  await replica.write(put('a'))
  const waiting = list(replica, { limit: 1 })
  await replica.stop()
  await expect(waiting).rejects.toMatchObject({ code: 'draining' })
  await expect(list(replica)).rejects.toMatchObject({ code: 'draining' })

  const options = { log: { open: () => new Promise<never>(() => undefined), now: () => undefined } }
  const unready = makeReplica({
    ...{ ...options, onReplayed: quiet, spool: undefined, spooling: { on: false, reason: null, maxBytes: 0 } },
    limits: { maxWrites: 1, maxBytes: 1, timeoutMs: 1, graceMs: 0 },
    ...{ connectTimeoutMs: undefined, tailIntervalMs: 20, waitTimeoutMs: 1, maxLagMs: 1 },
    logger: { info: quiet, warn: quiet, error: quiet },
  })
  await expect(list(unready)).rejects.toMatchObject({ code: 'not_ready' })
  await expect(unready.countKeys(everything)).rejects.toMatchObject({ code: 'not_ready' })
  await expect(unready.listValues({ ranges: everything, limit: 1, maxBytes: 1 })).rejects.toMatchObject({
    code: 'not_ready',
  })
})
