import { expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { formatPosition } from '../../../../../kvs/core/position.ts'
import { makeMemoryBudget } from '../../../../../kvs/memory/memory-budget.ts'
import { notReady, serve } from '../../serve.ts'
import { parse, refused, serveForms } from './ask.ts'

const added = (payload: string) => [200, { replaced: false, msg: 'Added successfully', payload }]
const updated = (payload: string) => [201, { replaced: true, msg: 'Updated successfully', payload }]
const found = (value: string, payload: string) => [200, { result: 'Success', value, payload }]
const deleted = (payload: string) => [200, { result: 'Success', msg: 'Key deleted', payload }]
const missing = (payload: string) => [404, { result: 'Error', msg: 'Key does not exist', payload }]
const searched = (isExists: boolean, payload: string) => [200, { isExists, result: 'Success', payload }]
const outOfDate = (payload: string) => [400, { result: 'Error', msg: 'Payload out of date', payload }]

test('a value is added, found, updated, deleted, and not there any more', async () => {
  const { put, get, search, remove } = await serveForms()
  expect(await get('x')).toEqual(missing('cafe0123:0'))
  expect(await remove('x')).toEqual(missing('cafe0123:1'))
  expect(await search('x')).toEqual(searched(false, 'cafe0123:1'))
  expect(await put('x', 'val=1&payload=')).toEqual(added('cafe0123:2'))
  expect(await get('x', 'payload=cafe0123:2')).toEqual(found('1', 'cafe0123:2'))
  expect(await search('x', 'payload=cafe0123:2')).toEqual(searched(true, 'cafe0123:2'))
  expect(await put('x', 'val=two&&payload=cafe0123:2')).toEqual(updated('cafe0123:3'))
  expect(await get('x', 'payload="cafe0123:3"')).toEqual(found('two', 'cafe0123:3'))
  expect(await remove('x', 'payload=cafe0123%3A3')).toEqual(deleted('cafe0123:4'))
  expect(await get('x', 'payload={}')).toEqual(missing('cafe0123:4'))
  expect(await search('x')).toEqual(searched(false, 'cafe0123:4'))
})

test('answers have the members in the assignment’s order, and the headers of a value', async () => {
  const { request, put, url } = await serveForms()
  await put('x', 'val=1')
  const answer = await request('GET', '/keyValue-store/x')
  expect(answer).toMatch(/\r\n\r\n\{"result":"Success","value":"1","payload":"cafe0123:1"\}$/)
  const { headers } = await fetch(`${url}/keyValue-store/x`)
  expect(headers.get('content-type')).toBe('application/json')
  expect(headers.get('kvs-position')).toBe('cafe0123=1')
  expect(headers.get('etag')).toMatch(/^"cafe0123-1-/)
  expect(headers.get('last-modified')).not.toBeNull()
  expect(headers.get('content-security-policy')).toContain('sandbox')
})

test('parameters may come in the query, whatever the body’s type is', async () => {
  const { ask, get } = await serveForms()
  expect(await ask('PUT', '/keyValue-store/x?val=a+b&payload=')).toEqual(added('cafe0123:1'))
  expect(await ask('PUT', '/keyValue-store/x?payload=cafe0123:1', 'val=2', 'Content-Type: text/json\r\n')).toEqual(
    updated('cafe0123:2'),
  )
  expect(await get('x?payload=cafe0123:2')).toEqual(found('2', 'cafe0123:2'))
  expect(await get('x?payload=cafe0123:2', 'payload=cafe0123:1')).toEqual(
    refused(400, 'payload is there twice, with different values; nothing was done'),
  )
})

test('keys are those of /v1, and values come through it as their bytes', async () => {
  const { url, put, get } = await serveForms()
  await put('a%2Fb%20c', 'val=%00%ff%fe')
  const plain = await fetch(`${url}/v1/a%2Fb%20c`)
  expect(plain.headers.get('content-type')).toBe('application/octet-stream')
  expect([...new Uint8Array(await plain.arrayBuffer())]).toEqual([0, 0xff, 0xfe])
  expect(await get('a%2Fb%20c')).toEqual(found('\0\ufffd\ufffd', 'cafe0123:1'))
  await put('x', 'val=%E2%82%AC')
  expect((await fetch(`${url}/v1/x`)).headers.get('content-type')).toBe('text/plain; charset=utf-8')
  await fetch(`${url}/v1/x`, { method: 'PUT', body: '{"a":"b"}', headers: { 'content-type': 'application/json' } })
  expect(await get('x')).toEqual(found('{"a":"b"}', 'cafe0123:3'))
})

test('the search has a path of its own; a key may be called search, or begin with it', async () => {
  const { ask, put, get, search } = await serveForms()
  await put('search', 'val=1')
  await put('search%2Fx', 'val=2')
  expect(await get('search')).toEqual(found('1', 'cafe0123:2'))
  expect(await get('search%2Fx')).toEqual(found('2', 'cafe0123:2'))
  expect(await search('x')).toEqual(searched(false, 'cafe0123:2'))
  expect(await search('search')).toEqual(searched(true, 'cafe0123:2'))
  expect((await ask('PUT', '/keyValue-store/search/x', 'val=1'))[0]).toBe(405)
  expect((await ask('DELETE', '/keyValue-store/search/x'))[0]).toBe(405)
})

test.each([
  ['a/b', 'a "/" in a key is written %2F here'],
  ['search/a/b', 'a "/" in a key is written %2F here'],
  ['%ff', 'the key is not valid UTF-8'],
  ['a:', expect.stringContaining('written %3A')],
  ['a%00', 'a key can’t contain the character NUL'],
])('the key %s is refused', async (key, msg) => {
  const { get } = await serveForms()
  expect(await get(key)).toEqual(refused(400, msg))
})

test.each(['/keyValue-store', '/keyValue-store/', '/keyValue-store/search/'])('%s has no key', async (path) => {
  const { ask } = await serveForms()
  for (const method of ['GET', 'PUT']) {
    expect(await ask(method, path)).toEqual(refused(405, 'no method is allowed here: a key is missing'))
  }
})

test.each(['a', 'é', '😀'])('a key of %s may have 200 characters when it is put, and not 201', async (character) => {
  const { url, put, get } = await serveForms()
  const key = (length: number) => encodeURIComponent(character.repeat(length))
  expect(await put(key(200), 'val=1')).toEqual(added('cafe0123:1'))
  expect(await put(key(201), 'val=1')).toEqual(refused(400, 'Key is too long'))
  expect((await fetch(`${url}/v1/${key(201)}`, { method: 'PUT', body: 'x' })).status).toBe(201)
  expect(await get(key(201))).toEqual(found('x', 'cafe0123:2'))
})

test.each([
  ['', 'PUT takes the value in val=VALUE; nothing was stored'],
  ['payload=', 'PUT takes the value in val=VALUE; nothing was stored'],
  ['value=1', 'there is no parameter "value" here: val and payload are taken; nothing was done'],
  ['val=1&payload=nonsense', expect.stringContaining('the payload is none that this service gave')],
  ['val=1&payload=%ff', 'payload is not percent-encoded UTF-8; nothing was done'],
  ['val=100%', expect.stringContaining('is itself written %25')],
  ['val=1&val=2', 'val is there twice, with different values; nothing was done'],
])('a PUT of %j is refused', async (body, msg) => {
  const { put, store } = await serveForms()
  expect(await put('x', body)).toEqual(refused(400, msg))
  expect(store.writes).toEqual([])
})

test('what reads and deletes take is a payload alone, and one that can be understood', async () => {
  const { get, search, remove, store } = await serveForms()
  for (const ask of [get, search, remove]) {
    expect(await ask('x', 'val=1')).toEqual(
      refused(400, 'there is no parameter "val" here: payload is taken; nothing was done'),
    )
    expect(await ask('x', 'payload=nonsense')).toEqual(refused(400, expect.stringContaining('the payload is none')))
  }
  expect(store.writes).toEqual([])
})

test('a multipart body, a coded one, and one with another digest are refused', async () => {
  const { ask, store } = await serveForms()
  const put = (headers: string) => ask('PUT', '/keyValue-store/x', 'val=1', headers)
  expect(await put('Content-Type: multipart/form-data; boundary=a\r\n')).toEqual(
    refused(400, expect.stringContaining('a multipart body is not taken')),
  )
  expect((await put('Content-Encoding: gzip\r\n'))[0]).toBe(415)
  expect((await put('Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n'))[0]).toBe(400)
  expect((await put('X-HTTP-Method-Override: GET\r\n'))[0]).toBe(400)
  expect(store.writes).toEqual([])
})

test('a value has up to the setting’s bytes, however it is encoded', async () => {
  const { put, get, remove } = await serveForms({ maxValueBytes: 1_000 })
  expect(await put('x', `val=${'%41'.repeat(1_000)}`)).toEqual(added('cafe0123:1'))
  expect(await get('x')).toEqual(found('A'.repeat(1_000), 'cafe0123:1'))
  expect(await put('x', `val=${'A'.repeat(1_001)}`)).toEqual(
    refused(413, 'the value has 1001 bytes; at most 1000 are allowed; nothing was stored'),
  )
  expect(await put('x', `val=${'A'.repeat(70_000)}`)).toEqual(
    refused(413, 'the form has 70004 bytes; 68536 bytes at most are allowed'),
  )
  for (const ask of [get, remove]) {
    expect(await ask('x', `payload=${'A'.repeat(70_000)}`)).toEqual(refused(413, expect.stringContaining('the form')))
  }
})

test('a form counts in the budget of memory until its value is stored', async () => {
  const budget = makeMemoryBudget(100_000)
  const { put, store } = await serveForms({ budget })
  const held: number[] = []
  store.refuses = () => {
    held.push(budget.held('writes'))
    return undefined
  }
  await put('x', 'val=%41%41&payload=')
  expect(held).toEqual([19])
  expect(budget.held('writes')).toBe(0)
})

test('an answer counts in it until the client has it', async () => {
  const budget = makeMemoryBudget(100_000)
  const { put, get } = await serveForms({ budget, maxValueBytes: 50_000 })
  await put('x', `val=${'a'.repeat(40_000)}`)
  budget.take('answers', 1)
  expect(await get('x')).toEqual(refused(503, expect.stringContaining('too many answers')))
})

test('a read whose payload the node does not get to is told so, with the newer payload', async () => {
  const { put, get, search } = await serveForms()
  await put('x', 'val=1')
  for (const ask of [get, search]) {
    expect(await ask('x', 'payload=cafe0123:2')).toEqual(outOfDate('cafe0123:2'))
    expect(await ask('x', 'payload=cafe0123:0,beef:7')).toEqual(outOfDate('beef:7,cafe0123:1'))
  }
  expect(await get('x', 'payload=cafe0123:1,stamp:5')).toEqual(found('1', 'cafe0123:1,stamp:5'))
})

test('a write of a node that is no site fails as a read does, and stores nothing', async () => {
  const { put, remove, store } = await serveForms()
  expect(await put('x', 'val=1&payload=cafe0123:9')).toEqual(outOfDate('cafe0123:9'))
  expect(await remove('x', 'payload=beef:9')).toEqual(outOfDate('beef:9,cafe0123:0'))
  expect(store.writes).toEqual([])
})

test('a write of a site carries what it depends on, where the site does not have it', async () => {
  const { put, remove, store } = await serveForms()
  store.isSite = true
  expect(await put('x', 'val=1&payload=beef:9,stamp:5')).toEqual(added('beef:9,cafe0123:1,stamp:5'))
  expect(await put('x', 'val=1&payload=cafe0123:1')).toEqual(updated('cafe0123:2'))
  expect(await remove('x', 'payload=beef:9')).toEqual(deleted('beef:9,cafe0123:3'))
  expect(store.writes.map(({ after }) => after && formatPosition(after))).toEqual([
    'beef=9,stamp=5',
    undefined,
    'beef=9',
  ])
})

test('a payload has what the key depends on, and what the client had seen before', async () => {
  const { put, get, search, store } = await serveForms()
  await put('x', 'val=1')
  await put('y', 'val=2')
  store.unmet.set('x', 'beef=9,stamp=5')
  expect(await get('x', 'payload=cafe0123:1,stamp:3')).toEqual(found('1', 'beef:9,cafe0123:2,stamp:5'))
  expect(await search('x')).toEqual(searched(true, 'beef:9,cafe0123:2,stamp:5'))
  expect(await get('y', 'payload=cafe0123:1,stamp:3')).toEqual(found('2', 'cafe0123:2,stamp:3'))
  expect(await get('x', 'payload=cafe0123:7')).toEqual(outOfDate('beef:9,cafe0123:7,stamp:5'))
})

test('the wait for a payload is told which key it is for', async () => {
  const { get, store } = await serveForms()
  const waits: unknown[] = []
  store.waitFor = async (position, key?: string) => {
    waits.push([formatPosition(position), key])
  }
  await get('x', 'payload=beef:9')
  await get('x', 'payload={}')
  expect(waits).toEqual([['beef=9', 'x']])
})

test('a write that goes to the spool says so', async () => {
  const { put, remove, store, url } = await serveForms()
  store.spools = true
  const msg = 'Accepted: stored on this node until its log is back'
  expect(await put('x', 'val=1&payload=cafe0123:0')).toEqual([202, { replaced: false, msg, payload: 'cafe0123:0' }])
  expect(await remove('x')).toEqual([202, { result: 'Success', msg, payload: 'cafe0123:0' }])
  const answer = await fetch(`${url}/keyValue-store/x?val=1`, { method: 'PUT' })
  expect(answer.headers.get('kvs-durability')).toBe('spooled')
})

test('every other error has its own status, and is JSON', async () => {
  const { put, get, search, remove, ask, store } = await serveForms()
  expect((await ask('POST', '/keyValue-store/x', 'val=1'))[0]).toBe(405)
  store.failure = notReady
  const expected = refused(503, 'the log is not replayed yet')
  expect(await put('x', 'val=1')).toEqual(expected)
  for (const request of [get, search, remove]) expect(await request('x')).toEqual(expected)
  store.failure = new KvsError('undecided')
  expect(await put('x', 'val=1')).toEqual(refused(503, expect.stringContaining('may or may not')))
  store.failure = undefined
  expect((await ask('GET', '/keyValue-store/x', '', 'KVS-Min-Position: cafe0123=9\r\n'))[0]).toBe(503)
  expect((await ask('PUT', '/keyValue-store/x', 'val=1', 'KVS-Min-Position: cafe0123=9\r\n'))[0]).toBe(503)
})

test('conditions, lifetimes and idempotency keys count as in /v1', async () => {
  const { ask, put, store, url } = await serveForms()
  const conditional = (headers: string) => ask('PUT', '/keyValue-store/x', 'val=1', headers)
  expect((await conditional('If-Match: *\r\n'))[0]).toBe(412)
  expect((await conditional('If-None-Match: *\r\nKVS-TTL: 5m\r\nIdempotency-Key: a\r\n'))[0]).toBe(200)
  expect(store.writes).toMatchObject([{ deadline: store.time + 300_000 }])
  const { headers } = await fetch(`${url}/keyValue-store/x`)
  expect(headers.get('kvs-expires')).not.toBeNull()
  await put('y', 'val=1')
  const tag = headers.get('etag') ?? ''
  expect((await ask('GET', '/keyValue-store/x', undefined, `If-None-Match: ${tag}\r\n`))[0]).toBe(304)
  expect((await ask('GET', '/keyValue-store/x', undefined, `If-Match: "a"\r\n`))[0]).toBe(412)
})

test('HEAD answers with the headers of GET and no body', async () => {
  const { put, ask } = await serveForms()
  await put('x', 'val=1')
  expect(await ask('HEAD', '/keyValue-store/x')).toEqual([200, undefined])
  expect(await ask('HEAD', '/keyValue-store/search/x')).toEqual([200, undefined])
})

test('before the log is known a payload is empty', async () => {
  const { search, store } = await serveForms()
  store.position = () => ''
  expect(await search('x')).toEqual(searched(false, ''))
})

test('a chunked body is a form as well', async () => {
  const { request } = await serve()
  const chunked = 'Transfer-Encoding: chunked\r\n'
  expect(parse(await request('PUT', '/keyValue-store/x', chunked, '5\r\nval=1\r\n0\r\n\r\n'))[0]).toBe(200)
  const payload = '12\r\npayload=cafe0123:1\r\n0\r\n\r\n'
  expect(parse(await request('GET', '/keyValue-store/x', chunked, payload))).toEqual(found('1', 'cafe0123:1'))
})
