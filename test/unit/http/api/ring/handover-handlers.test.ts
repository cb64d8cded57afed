import { expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { positionAt } from '../../../../../kvs/core/position.ts'
import type { Ring } from '../../../../../kvs/core/ring/description.ts'
import { ringJson } from '../../../../../kvs/core/ring/ring-text.ts'
import { parseMovedPage } from '../../../../../kvs/kv/moved-page.ts'
import type { MovedPage } from '../../../../../kvs/kv/ring-service.ts'
import { makeMemoryBudget } from '../../../../../kvs/memory/index.ts'
import { until } from '../../../../support/until.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { serveRing } from './ask.ts'

const ring: Ring = {
  ...{ id: 'beef', version: 12, home: 'a:1', standbys: [] },
  ...{ positions: new Map([[3_000, 'a:1']]), next: new Map([[5_000, 'https://b:1']]), joining: ['https://b:1'] },
}
const text = JSON.stringify(ringJson(ring))
const part = '"id":"beef","version":12,"slots":"0-3,9-9999"'
const asked = {
  ringId: 'beef',
  version: 12,
  slots: [
    { from: 0, through: 3 },
    { from: 9, through: 9_999 },
  ],
}

test.each([
  ['null', undefined],
  ['{}', new Map()],
  [
    '{"a:1":"cafe=8","https://b:1":"beef=9"}',
    new Map([
      ['a:1', positionAt('cafe', 8n)],
      ['https://b:1', positionAt('beef', 9n)],
    ]),
  ],
])('a member is asked to take, with the gives %s', async (gives, read) => {
  const { ask, ring: known } = await serveRing({}, makeFakeRing('b:1'))
  const answer = await ask('POST', '/ring/take', `{"ring":${text},"gives":${gives}}`)
  expect(answer).toEqual([200, '{"state":"copying","keys":0,"obstacle":null}\n'])
  expect(known.asked).toEqual([['take', ring, read]])
})

test('a member that takes says what keeps it from going on', async () => {
  const { ask, ring: known } = await serveRing({}, makeFakeRing('b:1'))
  known.progress = { state: 'following', keys: 12, obstacle: 'a:1 does not answer' }
  const answer = await ask('POST', '/ring/take', `{"ring":${text},"gives":null}`)
  expect(answer).toEqual([200, '{"state":"following","keys":12,"obstacle":"a:1 does not answer"}\n'])
})

const page: MovedPage = {
  position: positionAt('cafe', 7n),
  items: [
    {
      write: { kind: 'put', key: 'ä', value: Buffer.from([0, 255, 10]), contentType: 'a/b', deadline: 5 },
      earlier: { tag: 'cafe-3-00000000', modifiedAt: 4 },
    },
    { write: { kind: 'delete', key: 'b' }, earlier: { tag: 'cafe-4-00000000', modifiedAt: 4 } },
  ],
  last: 'b',
}

test.each([
  ['/ring/keys', 'null', ['keys', { ...asked, after: undefined }]],
  ['/ring/keys', '"ä"', ['keys', { ...asked, after: 'ä' }]],
  ['/ring/changes', '"cafe=7"', ['changes', { ...asked, after: positionAt('cafe', 7n) }]],
])('%s after %s answers with a page', async (path, after, call) => {
  const { url, ring: known } = await serveRing()
  known.page = page
  const answer = await fetch(url + path, { method: 'POST', body: `{${part},"after":${after}}` })
  const bytes = Buffer.from(await answer.arrayBuffer())
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('application/vnd.kvs.keys; version=1')
  expect(answer.headers.get('content-length')).toBe(String(bytes.length))
  expect(parseMovedPage(bytes)).toEqual(page)
  expect(known.asked).toEqual([call])
})

test('a page counts among the answers that wait for their clients', async () => {
  const budget = makeMemoryBudget(100_000)
  const { ask, ring: known } = await serveRing({ budget })
  const { earlier } = page.items[0] as MovedPage['items'][number]
  const value = Buffer.alloc(100_000)
  known.page = { ...page, items: [{ write: { kind: 'put', key: 'a', value, contentType: undefined }, earlier }] }
  const body = `{${part},"after":null}`
  expect((await ask('POST', '/ring/keys', body))[0]).toBe(200)
  await until('the answer is taken', () => budget.held('answers') === 0)
  budget.take('answers', 1)
  expect((await ask('POST', '/ring/keys', body))[0]).toBe(503)
})

const keys = (change: object) =>
  JSON.stringify({ ...{ id: 'beef', version: 12, slots: '0-9999', after: null }, ...change })
const long = 'ä'.repeat(513)

test.each([
  ['/ring/take', text, 'the body has "id", and is to have ring and gives'],
  ['/ring/take', `{"ring":${text}}`, 'the body has no gives'],
  ['/ring/take', '{"ring":{},"gives":null}', 'ring is no ring'],
  ['/ring/take', `{"ring":${text},"gives":[]}`, 'gives is an array, and is to be null, or positions by address'],
  ['/ring/take', `{"ring":${text},"gives":{"a":"cafe=1"}}`, 'a name in gives is to be the address of a member'],
  ['/ring/take', `{"ring":${text},"gives":{"a:1":"cafe"}}`, 'gives[a:1] is to be a position of a log'],
  ['/ring/take', `{"ring":${text},"gives":{"a:1":""}}`, 'gives[a:1] is to be a position of a log'],
  ['/ring/take', `{"ring":${text},"gives":{"a:1":"stamp=1"}}`, 'gives[a:1] is to be a position of a log'],
  ['/ring/take', `{"ring":${text},"gives":{"a:1":null}}`, 'gives[a:1] is to be a position of a log'],
  ['/ring/keys', '', 'the body is not JSON'],
  ['/ring/keys', '[]', 'the body is an array, and is to be an object with id and version and slots and after'],
  ['/ring/keys', keys({ more: 1 }), 'the body has "more", and is to have id and version'],
  ['/ring/keys', keys({ after: undefined }), 'the body has no after'],
  ['/ring/keys', keys({ id: 'BEEF' }), 'id is to be that of a ring'],
  ['/ring/keys', keys({ id: 7 }), 'id is to be that of a ring'],
  ['/ring/keys', keys({ version: 0 }), 'version is to be a number from 1'],
  ['/ring/keys', keys({ version: 1.5 }), 'version is to be a number from 1'],
  ['/ring/keys', keys({ version: '1' }), 'version is to be a number from 1'],
  ['/ring/keys', keys({ slots: '' }), 'slots is to be ranges of slots, such as 0-2999,8001-9999'],
  ['/ring/keys', keys({ slots: '3-1' }), 'slots is to be ranges of slots'],
  ['/ring/keys', keys({ slots: 3 }), 'slots is to be ranges of slots'],
  ['/ring/keys', keys({ after: 1 }), 'after is a number, and is to be a key or null'],
  ['/ring/keys', keys({ after: '\0' }), 'after is no key'],
  ['/ring/keys', keys({ after: '\ud800' }), 'after is no key'],
  ['/ring/keys', keys({ after: long }), 'after is no key: it is to be a text of at most 1024 bytes of UTF-8'],
  ['/ring/changes', keys({ after: null }), 'after is to be a position of a log, LOGID=SEQUENCE'],
  ['/ring/changes', keys({ after: '' }), 'after is to be a position of a log'],
  ['/ring/changes', keys({ after: 'cafe=x' }), 'after is to be a position of a log'],
  ['/ring/changes?x', keys({ after: 'cafe=1' }), 'there is no parameter "x" here'],
  ['/ring/call_off?x', '', 'there is no parameter "x" here'],
])('POST %s with %.60s is refused', async (path, body, sentence) => {
  const { ask, ring: known } = await serveRing()
  const [status, answer] = await ask('POST', path, body)
  expect([status, answer.slice(0, sentence.length)]).toEqual([400, sentence])
  expect(answer).toMatch(/; nothing was (done|changed|stored)\n$/)
  expect(known.asked).toEqual([])
})

test.each(['If-Match: *', 'Idempotency-Key: "a"', 'KVS-Min-Position: cafe=1'])(
  'a change is not called off with %s',
  async (header) => {
    const { url, ring: known } = await serveRing()
    const [name = '', value = ''] = header.split(': ')
    const answer = await fetch(`${url}/ring/call_off`, { method: 'POST', headers: { [name]: value } })
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(/^\/ring\/call_off takes no /)])
    expect(known.asked).toEqual([])
  },
)

test('a change is called off, and the member says what it knows then', async () => {
  const { ask, get, ring: known } = await serveRing({}, makeFakeRing('a:1', [3_000, 'a:1']))
  expect(await ask('POST', '/ring/call_off')).toEqual(await get('/ring'))
  expect(known.asked).toEqual([['call off']])
})

test.each(['/ring/take', '/ring/keys', '/ring/changes', '/ring/call_off'])(
  'an error of the ring keeps its status at %s',
  async (path) => {
    const { ask, ring: known } = await serveRing()
    known.failure = new KvsError('ring_conflict', 'the change is over; nothing was changed')
    const body = path === '/ring/take' ? `{"ring":${text},"gives":null}` : keys({ after: 'cafe=1' })
    expect(await ask('POST', path, body)).toEqual([409, 'the change is over; nothing was changed\n'])
  },
)

test('keys move with the right replicate for all keys, and a change is called off with admin', async () => {
  const tokens = [
    ...['read', 'write', 'clear', 'admin', 'replicate'].map((right) => `${right}:${right}:${secretOf(right)}`),
    `bounded:replicate:${secretOf('bounded')}:a/`,
  ].join(' ')
  const { url, ring: known } = await serveRing({ guard: guardOf(tokens) })
  const bodies = {
    '/ring/take': `{"ring":${text},"gives":null}`,
    '/ring/keys': keys({}),
    '/ring/changes': keys({ after: 'cafe=1' }),
    '/ring/call_off': '',
  }
  for (const [path, body] of Object.entries(bodies)) {
    const right = path === '/ring/call_off' ? 'admin' : 'replicate'
    for (const name of ['read', 'write', 'clear', 'bounded', 'replicate', 'admin']) {
      const { status } = await fetch(url + path, { method: 'POST', headers: bearer(name), body })
      expect([path, name, status]).toEqual([path, name, name === right ? 200 : 403])
    }
  }
  expect(known.asked.map(([what]) => what)).toEqual(['take', 'keys', 'changes', 'call off'])
})
