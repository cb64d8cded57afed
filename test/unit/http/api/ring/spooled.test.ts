import { expect, test } from 'vitest'
import type { SeenValue } from '../../../../../kvs/core/entry.ts'
import { NotOwner } from '../../../../../kvs/core/errors.ts'
import { doOnce } from '../../../../../kvs/http/api/ring/spooled-handler.ts'
import type { PassedOnWrite } from '../../../../../kvs/kv/index.ts'
import { passedOnJson } from '../../../../../kvs/ring/http-spooled.ts'
import { put, remove } from '../../../../support/entries.ts'
import { makeWorld } from '../../../replica/virtual-nodes.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { makeFakeRouting, serveRing } from './ask.ts'

const absent: SeenValue = { tag: '', deadline: undefined }

/** An owner with a log in memory, and a key `a` with a value that ends after a while. */
async function startOwner(ttlMs?: number) {
  const world = makeWorld()
  const node = await world.start()
  await node.put('a', ttlMs, 'before')
  const { tag = '', deadline } = node.store.get('a') ?? {}
  const take = (write: PassedOnWrite['write'], seen: SeenValue | undefined, idempotencyKey = 'spool-1') =>
    world.settled(doOnce(node.store, { write, seen, idempotencyKey }))
  const values = () => world.server.entries.slice(1).map(({ key, value }) => [key, value?.toString() ?? null])
  return { ...world, node, seen: { tag, deadline }, take, values }
}

test('a write is done where the key is as it was seen: with the same value, or without one', async () => {
  const { take, seen, values } = await startOwner()
  await take(put('a', 'spooled'), seen)
  await take(put('b', 'spooled'), absent, 'spool-2')
  await take(remove('c'), absent, 'spool-3')
  expect(values()).toEqual([
    ['a', 'spooled'],
    ['b', 'spooled'],
    ['c', null],
  ])
})

test('it is superseded where the key has changed', async () => {
  const { node, take, seen, values } = await startOwner()
  await node.put('a', undefined, 'newer')
  await node.put('b', undefined, 'newer')
  await take(put('a', 'spooled'), seen)
  await take(remove('a'), seen, 'spool-2')
  await take(put('b', 'spooled'), absent, 'spool-3')
  await take(put('c', 'spooled'), seen, 'spool-4')
  expect(values()).toEqual([
    ['a', 'newer'],
    ['b', 'newer'],
  ])
})

test('repeated, it is neither done nor refused again', async () => {
  const { node, take, seen, values } = await startOwner()
  await take(put('a', 'spooled'), seen)
  await node.put('a', undefined, 'newer')
  await take(put('a', 'spooled'), seen)
  await take(put('b', 'spooled'), seen, 'spool-2')
  await take(put('b', 'spooled'), seen, 'spool-2')
  expect(values()).toEqual([
    ['a', 'spooled'],
    ['a', 'newer'],
  ])
})

test('a value that has come to its deadline has not changed; before it, somebody has deleted it', async () => {
  const { node, pass, take, seen, settled, values } = await startOwner(60_000)
  await settled(node.store.write(remove('a')))
  await take(put('a', 'early'), seen)
  await pass(60_000)
  const write = { ...put('a', 'spooled'), deadline: node.store.now() - 1 }
  for (let times = 0; times < 2; times++) await take(write, seen, 'spool-2')
  expect(values().filter(([, value]) => value !== null)).toEqual([['a', 'spooled']])
  expect(node.store.get('a')).toBeUndefined()
  await take(put('a', 'late'), seen, 'spool-3')
  expect(node.shows('a')).toBe('late')
  await take(put('a', 'later'), seen, 'spool-4')
  expect(node.shows('a')).toBe('late')
})

test('what an earlier version has spooled is done whatever the key has', async () => {
  const { take, values } = await startOwner()
  await take(put('a', 'spooled'), undefined)
  expect(values()).toEqual([['a', 'spooled']])
})

const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
const passedOn = { write: put('k', bytes), idempotencyKey: 'spool-1', seen: absent }

/** A member at `a:1`, which is in a ring, and what members post to it. */
async function serveMember(ring = makeFakeRing('a:1', [3_000, 'a:1'])) {
  const server = await serveRing({ routing: makeFakeRouting() }, ring)
  const post = async (body: object | string, headers: Record<string, string> = { 'KVS-Ring': 'beef=1' }) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await fetch(`${server.url}/ring/spooled`, { method: 'POST', headers, body: text })
    return [answer.status, (await answer.text()).trim()]
  }
  return { ...server, post }
}

test.each([
  ['a value of any bytes', put('k', bytes)],
  ['a value with all that belongs to it', { ...put('ä/k', '', 'text/x'), deadline: 2_000_000_000_000 }],
  ['a delete', remove('k')],
])('%s comes as it was sent', async (_, write) => {
  const { post, store } = await serveMember()
  expect((await post(passedOnJson({ ...passedOn, write: write as PassedOnWrite['write'] })))[0]).toBe(200)
  expect(store.writes).toEqual([write])
  expect(store.idempotencyKeys).toEqual(['spool-1'])
})

test('a member in another ring, in none, or without the key refuses', async () => {
  const member = await serveMember()
  const body = passedOnJson(passedOn)
  expect((await member.post(body, {}))[0]).toBe(421)
  expect((await member.post(body, { 'KVS-Ring': 'cafe=1' }))[0]).toBe(421)
  expect((await (await serveMember(makeFakeRing('a:1'))).post(body))[0]).toBe(421)
  member.store.failure = new NotOwner('beef=7')
  expect((await member.post(body))[0]).toBe(421)
  expect(member.store.writes).toEqual([])
  member.store.failure = undefined
  expect((await member.post(body, { 'KVS-Ring': 'beef=9' }))[0]).toBe(200)
})

test.each([
  [{ kind: 'join' }, 'kind is to be put or delete'],
  [{ value: null }, 'value is null, and is to be a text'],
  [{ key: '' }, 'the key is empty'],
  [{ content_type: 1 }, 'content_type is a number, and is to be a text'],
  [{ deadline: -1 }, 'deadline is to be a number of milliseconds since 1970, or null'],
  [{ seen: { tag: 1, deadline: null } }, 'seen.tag is a number, and is to be a text'],
  [{ seen: {} }, 'seen has no tag'],
  [{ more: 1 }, 'the body has "more"'],
])('%j is refused', async (change, sentence) => {
  const { post, store } = await serveMember()
  const [status, text] = await post({ ...passedOnJson(passedOn), ...change })
  expect([status, text]).toEqual([400, expect.stringContaining(sentence)])
  expect(store.writes).toEqual([])
})
