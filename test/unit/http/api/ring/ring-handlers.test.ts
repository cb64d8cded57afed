import { expect, test } from 'vitest'
import { NotOwner } from '../../../../../kvs/core/errors.ts'
import { nowhere } from '../../../../../kvs/core/position.ts'
import type { Ring } from '../../../../../kvs/core/ring/description.ts'
import { ringJson } from '../../../../../kvs/core/ring/ring-text.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { serveRing } from './ask.ts'

const ring: Ring = {
  id: 'beef',
  version: 12,
  home: 'a:1',
  positions: new Map([
    [3_000, 'a:1'],
    [8_000, 'https://b:1'],
  ]),
  next: new Map([[3_000, 'a:1']]),
  joining: ['c:1'],
  standbys: ['c:1'],
}
const text = JSON.stringify(ringJson(ring))
const state = `{"ring":${text},"self":"a:1","owns":"0-3000,8001-9999","position":"cafe=7"}\n`

test('a member says what it knows and owns', async () => {
  const { get, ring: known } = await serveRing({}, makeFakeRing('a:1'))
  expect(await get('/ring')).toEqual([200, '{"ring":null,"self":"a:1","owns":"0-9999","position":"cafe=7"}\n'])
  await known.learn(ring)
  expect(await get('/ring')).toEqual([200, state])
})

test('a member that does not know its log yet is nowhere', async () => {
  const { get, ring: known } = await serveRing({}, makeFakeRing('a:1'))
  known.position = nowhere
  expect(await get('/ring')).toEqual([200, '{"ring":null,"self":"a:1","owns":"0-9999","position":""}\n'])
})

test('a member that has not read its log yet says that it knows nothing, and not that there is no ring', async () => {
  const { get, ring: known } = await serveRing({}, makeFakeRing('a:1', [3_000, 'a:1']))
  known.isStarting = true
  for (const path of ['/ring', '/hash_ring', '/route_test?key=a']) expect((await get(path))[0]).toBe(503)
  known.isStarting = false
  for (const path of ['/ring', '/hash_ring', '/route_test?key=a']) expect((await get(path))[0]).toBe(200)
})

test('a member is told of a version', async () => {
  const { ask, ring: known } = await serveRing({}, makeFakeRing('a:1'))
  expect(await ask('PUT', '/ring', text)).toEqual([200, state])
  expect(known.asked).toEqual([['learn', ring]])
})

test.each([true, false])('a member is asked to give, as a check: %s', async (check) => {
  const { ask, ring: known } = await serveRing({}, makeFakeRing('a:1', [3_000, 'a:1']))
  const answer = await ask('POST', '/ring/give', `{"ring":${text},"check":${check}}`)
  expect(answer).toEqual([200, expect.stringContaining('"owns":"0-9999","position":"cafe=8"}\n')])
  expect(known.asked).toEqual([['give', ring, check]])
})

test.each([
  [
    '"replace":{"3000":"a:1","0":"b:1"}',
    {
      kind: 'replace',
      positions: new Map([
        [0, 'b:1'],
        [3_000, 'a:1'],
      ]),
    },
  ],
  ['"add":{"position":5000,"address":"b:1"}', { kind: 'add', position: 5_000, address: 'b:1' }],
  ['"remove":"b:1"', { kind: 'remove', address: 'b:1' }],
  ['"call_off":true', { kind: 'call off' }],
  [
    '"remove_lost":{"addresses":["b:1","d:1"],"confirm":12}',
    { kind: 'remove lost', addresses: ['b:1', 'd:1'], confirmed: 12 },
  ],
  [
    '"remove_lost":{"addresses":["b:1"],"confirm":null}',
    { kind: 'remove lost', addresses: ['b:1'], confirmed: undefined },
  ],
])('a change is asked for: %s', async (change, plan) => {
  const { ask, ring: known } = await serveRing({}, makeFakeRing('a:1'))
  const answer = await ask('POST', '/ring/change', `{"asker":"c:1",${change}}`)
  expect(answer).toEqual([200, '{"ring":null,"self":"a:1","owns":"0-9999","position":"cafe=7"}\n'])
  expect(known.asked).toEqual([['change', { asker: 'c:1', change: plan }]])
})

const without = (name: string) => JSON.stringify({ ...ringJson(ring), [name]: undefined })
const having = (change: object) => JSON.stringify({ ...ringJson(ring), ...change })

test.each([
  ['PUT', '/ring', '', 'the body is not JSON: '],
  ['PUT', '/ring', '{', 'the body is not JSON: '],
  ['PUT', '/ring', '{"id":"a","id":"b"}', 'the body has the name "id" twice in one object'],
  ['PUT', '/ring', '[]', 'the body is no ring: it is to have id, version, home'],
  ['PUT', '/ring', without('version'), 'the body is no ring'],
  ['PUT', '/ring', having({ version: 0 }), 'the body is no ring'],
  ['PUT', '/ring', having({ positions: { x: 'a:1' } }), 'the body is no ring'],
  ['PUT', '/ring', having({ home: 'a' }), 'home is to be the address of a member, HOST:PORT'],
  ['PUT', '/ring', having({ positions: { 7: 'a' } }), 'positions[7] is to be the address of a member'],
  ['PUT', '/ring', having({ next: { 7: 'a' } }), 'next[7] is to be the address of a member'],
  ['PUT', '/ring', having({ standbys: ['a'] }), 'standbys is to be the address of a member'],
  ['POST', '/ring/give', text, 'the body has "id", and is to have ring and check'],
  ['POST', '/ring/give', `{"ring":${text}}`, 'the body has no check'],
  ['POST', '/ring/give', `{"ring":${text},"check":1}`, 'check is a number, and is to be true or false'],
  ['POST', '/ring/give', '{"ring":null,"check":true}', 'ring is no ring'],
  ['POST', '/ring/change', '[]', 'the body has no change'],
  [
    'POST',
    '/ring/change',
    '{"asker":"a:1"}',
    'the body has no change: it is to have asker, and replace, add, remove, call_off or remove_lost',
  ],
  ['POST', '/ring/change', '{"remove":"a:1"}', 'the body has no asker'],
  ['POST', '/ring/change', '{"asker":"a","remove":"a:1"}', 'asker is to be the address'],
  [
    'POST',
    '/ring/change',
    '{"asker":"a:1","remove":"a:1","add":{}}',
    'the body has "remove", and is to have asker and add',
  ],
  ['POST', '/ring/change', '{"asker":"a:1","call_off":1}', 'call_off is a number, and is to be true'],
  ['POST', '/ring/change', '{"asker":"a:1","call_off":false}', 'call_off is false, and is to be true'],
  ['POST', '/ring/change', '{"asker":"a:1","remove":1}', 'remove is to be the address'],
  ['POST', '/ring/change', '{"asker":"a:1","remove_lost":"b:1"}', 'remove_lost is a text, and is to be an object'],
  [
    'POST',
    '/ring/change',
    '{"asker":"a:1","remove_lost":{"addresses":[],"confirm":1}}',
    'remove_lost.addresses is to be a list',
  ],
  [
    'POST',
    '/ring/change',
    '{"asker":"a:1","remove_lost":{"addresses":["b"],"confirm":1}}',
    'remove_lost.addresses[0] is to be the address',
  ],
  [
    'POST',
    '/ring/change',
    '{"asker":"a:1","remove_lost":{"addresses":["b:1"],"confirm":1.5}}',
    'remove_lost.confirm is to be a version',
  ],
  ['PUT', '/ring', having({ lost: [{ address: 'b:1', after: 0, version: 2 }] }), 'the body is no ring'],
  ['PUT', '/ring', having({ lost: [{ address: 'b:1', after: '1', version: 2 }] }), 'the body is no ring'],
  ['PUT', '/ring', having({ lost: [{ address: 'b', after: 1, version: 2 }] }), 'lost is to be the address of a member'],
  [
    'POST',
    '/ring/change',
    '{"asker":"a:1","add":1}',
    'add is a number, and is to be an object with position and address',
  ],
  ['POST', '/ring/change', '{"asker":"a:1","add":{"position":"1","address":"a:1"}}', 'add.position is to be a number'],
  [
    'POST',
    '/ring/change',
    '{"asker":"a:1","add":{"position":10000,"address":"a:1"}}',
    'add.position is to be a number',
  ],
  ['POST', '/ring/change', '{"asker":"a:1","add":{"position":1,"address":"a"}}', 'add.address is to be the address'],
  ['POST', '/ring/change', '{"asker":"a:1","replace":{}}', 'replace is to have positions'],
  ['POST', '/ring/change', '{"asker":"a:1","replace":{"1":"a"}}', 'replace[1] is to be the address'],
  ['PUT', '/ring?x', text, 'there is no parameter "x" here'],
])('%s %s with %.40s is refused', async (method, path, body, sentence) => {
  const { ask, ring: known } = await serveRing({}, makeFakeRing('a:1'))
  const [status, answer] = await ask(method, path, body)
  expect([status, answer.slice(0, sentence.length)]).toEqual([400, sentence])
  expect(answer).toMatch(/; nothing was (done|changed|stored)\n$/)
  expect(known.asked).toEqual([])
})

test('a body of over 1 MiB is refused', async () => {
  const { ask } = await serveRing({ maxWaitingBytes: 10_000_000 })
  expect((await ask('PUT', '/ring', ' '.repeat(1024 * 1024 + 1)))[0]).toBe(413)
})

test('an error of the ring keeps its status', async () => {
  const { ask, ring: known } = await serveRing()
  known.failure = new NotOwner('beef=3', 'a:1 is not the home of the ring; nothing was changed')
  const answer = await ask('POST', '/ring/change', '{"asker":"a:1","remove":"a:1"}')
  expect(answer).toEqual([421, 'a:1 is not the home of the ring; nothing was changed\n'])
})

test('members have the right replicate, for all keys', async () => {
  const tokens = [
    ...['read', 'admin', 'replicate'].map((right) => `${right}:${right}:${secretOf(right)}`),
    `bounded:replicate:${secretOf('bounded')}:a/`,
  ].join(' ')
  const { url, ring: known } = await serveRing({ guard: guardOf(tokens) })
  const statusOf = async (name: string, method: string) =>
    (await fetch(`${url}/ring`, { method, headers: bearer(name), ...(method === 'PUT' && { body: text }) })).status
  for (const name of ['read', 'admin', 'bounded']) {
    expect([name, await statusOf(name, 'GET'), await statusOf(name, 'PUT')]).toEqual([name, 403, 403])
  }
  expect(known.asked).toEqual([])
  expect([await statusOf('replicate', 'GET'), await statusOf('replicate', 'PUT')]).toEqual([200, 200])
})
