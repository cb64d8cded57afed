import { assert, asyncProperty, jsonValue } from 'fast-check'
import { expect, test } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { sequenceOf } from '../../../support/tags.ts'
import { notReady, serve } from '../serve.ts'

const put = (url: string, key: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${url}/kvs/${key}`, { method: 'PUT', body, headers })
const putValue = (url: string, key: string, value: string) => put(url, key, `{"value":${value}}`)
const remove = (url: string, key: string) => fetch(`${url}/kvs/${key}`, { method: 'DELETE' })
const get = (url: string, key: string) => fetch(`${url}/kvs/${key}`)
const seen = async (answer: Response | Promise<Response>) => {
  const { status, headers } = await answer
  expect(headers.get('content-type')).toBe('application/json')
  return [status, await (await answer).text()]
}

test('a value is created, found, replaced, found, deleted, and not there any more', async () => {
  const { url } = await serve()
  expect(await seen(get(url, 'x'))).toEqual([404, '{"error":"Key does not exist"}'])
  expect(await seen(remove(url, 'x'))).toEqual([404, '{"error":"Key does not exist"}'])
  expect(await seen(putValue(url, 'x', '1'))).toEqual([201, '{"result":"created"}'])
  expect(await seen(get(url, 'x'))).toEqual([200, '{"result":"found","value":1}'])
  expect(await seen(putValue(url, 'x', '"two"'))).toEqual([200, '{"result":"replaced"}'])
  expect(await seen(get(url, 'x'))).toEqual([200, '{"result":"found","value":"two"}'])
  expect(await seen(remove(url, 'x'))).toEqual([200, '{"result":"deleted"}'])
  expect(await seen(remove(url, 'x'))).toEqual([404, '{"error":"Key does not exist"}'])
  expect(await seen(get(url, 'x'))).toEqual([404, '{"error":"Key does not exist"}'])
  expect(await seen(putValue(url, 'x', '3'))).toEqual([201, '{"result":"created"}'])
})

test('what is stored has memory of just its size', async () => {
  const { url, store } = await serve()
  await putValue(url, 'x', '"é"')
  const [write] = store.writes
  expect(write?.kind === 'put' && [write.value.toString(), write.value.buffer.byteLength]).toEqual(['"é"', 4])
})

test('answers tell the position, and the sequence that set a value', async () => {
  const { url } = await serve()
  const told = (answer: Response) => [answer.headers.get('kvs-position'), sequenceOf(answer)]
  expect(told(await putValue(url, 'x', '1'))).toEqual(['cafe0123=1', 1n])
  expect(told(await putValue(url, 'x', '2'))).toEqual(['cafe0123=2', 2n])
  expect(told(await get(url, 'x'))).toEqual(['cafe0123=2', 2n])
  expect(told(await remove(url, 'x'))).toEqual(['cafe0123=3', undefined])
  expect(told(await get(url, 'x'))).toEqual(['cafe0123=3', undefined])
  expect(told(await put(url, 'x', 'no JSON'))).toEqual(['cafe0123=3', undefined])
})

test('a write that goes to the spool says so', async () => {
  const { url, store } = await serve()
  store.spools = true
  for (const answer of [await putValue(url, 'x', '1'), await remove(url, 'x')]) {
    expect(answer.headers.get('kvs-durability')).toBe('spooled')
    expect(await seen(answer)).toEqual([202, '{"result":"spooled"}'])
  }
})

test.each([
  ['', 'no body'],
  ['value', 'no JSON'],
  ['{"value":1', 'JSON that breaks off'],
  ['{}', 'an empty object'],
  ['{"Value":1}', 'another member'],
  ['{"x":{"value":1}}', 'a value further down'],
  ['{"__proto__":{"value":1}}', 'a value of a prototype'],
  ['["value"]', 'an array'],
  ['"value"', 'a string'],
  ['12', 'a number'],
  ['null', 'null'],
  ['{"value":01}', 'a number that is none'],
])('a PUT of %j, %s, is refused', async (body) => {
  const { url, store } = await serve()
  expect(await seen(put(url, 'x', body))).toEqual([400, '{"error":"PUT request does not specify a value"}'])
  expect(store.writes).toEqual([])
})

test('a PUT with neither a body nor its length, or one that is not UTF-8, is refused', async () => {
  const { url, request } = await serve()
  expect(await request('PUT', '/kvs/x')).toMatch(
    /^HTTP\/1.1 400 [\s\S]*{"error":"PUT request does not specify a value"}$/,
  )
  const latin1 = Uint8Array.from(Buffer.from('{"value":"é"}', 'latin1'))
  expect((await seen(put(url, 'x', latin1)))[0]).toBe(400)
})

test.each([
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1.0',
  '1e3',
  '12345678901234567890',
  '0.1000000000000000000000000000001',
  '1E400',
  '""',
  '"text"',
  '"\\"quoted\\" {braces} [brackets], \\\\"',
  '"\\u00e9\\ud83d\\ude00"',
  '"😀 grüße"',
  '[]',
  '{}',
  '[1,[2,[3]],{"a":[{}]}]',
  '{"b":1,"a":2,"10":3,"9":4}',
  '{"value":{"value":1.50}}',
  '[ 1 ,\n 2 ]',
])('the value %s comes back as it was written, and is what /v1 has', async (text) => {
  const { url } = await serve()
  expect((await putValue(url, 'x', text)).status).toBe(201)
  expect(await seen(get(url, 'x'))).toEqual([200, `{"result":"found","value":${text}}`])
  const plain = await fetch(`${url}/v1/x`)
  expect([plain.headers.get('content-type'), await plain.text()]).toEqual(['application/json', text])
})

test.each([
  [' { "a" : "}" , "value" : [1] , "b" : "," } ', '[1]'],
  ['{"\\u0076alue":1}', '1'],
  ['{"value":1,"value":2}', '2'],
  ['{"\\"value":1,"value":"\\""}', '"\\""'],
  ['{"value":"\\\\","x":"value"}', '"\\\\"'],
])('of %j the value %s is taken', async (body, text) => {
  const { url } = await serve()
  expect((await put(url, 'x', body)).status).toBe(201)
  expect(await (await fetch(`${url}/v1/x`)).text()).toBe(text)
})

test('any JSON comes back equal, however it was laid out', async () => {
  const { url } = await serve({ maxValueBytes: 1_000_000, maxWaitingBytes: 1_000_000 })
  await assert(
    asyncProperty(jsonValue({ stringUnit: 'binary' }), jsonValue(), async (value, other) => {
      const text = JSON.stringify({ other, value }, null, 2)
      expect((await put(url, 'x', text)).ok).toBe(true)
      // Through JSON, which knows no -0
      expect(await (await get(url, 'x')).json()).toEqual(JSON.parse(JSON.stringify({ result: 'found', value })))
    }),
    { numRuns: 100 },
  )
})

test('a value nested too deep is refused, and one put by /v1 is told as a string', async () => {
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
  const { url } = await serve({ maxValueBytes: 1_000_000, maxWaitingBytes: 1_000_000 })
  expect((await putValue(url, 'x', nested(1_000))).status).toBe(201)
  for (const levels of [1_001, 100_000]) {
    const refused = await putValue(url, 'x', nested(levels))
    expect(await seen(refused)).toEqual([400, '{"error":"the value is nested deeper than 1000 levels"}'])
  }
  const headers = { 'content-type': 'application/json' }
  for (const levels of [1_001, 100_000]) {
    await fetch(`${url}/v1/x`, { method: 'PUT', body: nested(levels), headers })
    expect(await seen(get(url, 'x'))).toEqual([200, `{"result":"found","value":"${nested(levels)}"}`])
  }
  const shallow = `[${nested(999)},"\\"${'['.repeat(2_000)}"${',[]'.repeat(2_000)}]`
  await fetch(`${url}/v1/x`, { method: 'PUT', body: shallow, headers })
  expect(await seen(get(url, 'x'))).toEqual([200, `{"result":"found","value":${shallow}}`])
})

test.each([
  ['application/json', '{"a": 1.0}', '{"a": 1.0}'],
  ['Application/JSON; charset=utf-8', '[1]', '[1]'],
  ['application/json', '{"a":', '"{\\"a\\":"'],
  ['application/json', '', '""'],
  ['application/jsonlines', '1', '"1"'],
  ['text/plain', '1', '"1"'],
  [undefined, 'Test Pair 1', '"Test Pair 1"'],
  [undefined, 'a "quoted"\nline', '"a \\"quoted\\"\\nline"'],
])('put by /v1 as %s, %j is found as %s', async (type, body, value) => {
  const { url } = await serve()
  // a Buffer, so that fetch adds no type of its own
  await fetch(`${url}/v1/x`, { method: 'PUT', body: Buffer.from(body), headers: type ? { 'content-type': type } : {} })
  expect(await seen(get(url, 'x'))).toEqual([200, `{"result":"found","value":${value}}`])
})

test.each([
  ['a', 50],
  ['é', 50],
  ['漢', 50],
  ['😀', 50],
])('a key of %s may have 50 characters, and not 51', async (character, most) => {
  const { url, store } = await serve()
  const key = (length: number) => encodeURIComponent(character.repeat(length))
  expect(await seen(putValue(url, key(most), '1'))).toEqual([201, '{"result":"created"}'])
  expect(await seen(putValue(url, key(most + 1), '1'))).toEqual([400, '{"error":"Key is too long"}'])
  expect(await seen(put(url, key(500), 'no value'))).toEqual([400, '{"error":"Key is too long"}'])
  expect(store.writes.map((write) => write.key)).toEqual([character.repeat(most)])
  expect((await seen(get(url, key(most))))[0]).toBe(200)
})

test('a longer key, which came by /v1, can be read and deleted', async () => {
  const { url } = await serve()
  const key = 'x'.repeat(51)
  await fetch(`${url}/v1/${key}`, { method: 'PUT', body: 'long' })
  expect(await seen(get(url, key))).toEqual([200, '{"result":"found","value":"long"}'])
  expect(await seen(remove(url, key))).toEqual([200, '{"result":"deleted"}'])
})

test('keys are those of /v1', async () => {
  const { url } = await serve()
  for (const [path, key] of [
    ['a/b', 'a%2Fb'],
    ['%F0%9F%94%91%20key', '%F0%9F%94%91%20key'],
    ['constructor', 'constructor'],
    ['%3Fq', '%3Fq'],
  ] as const) {
    await putValue(url, path, '"here"')
    expect(await (await fetch(`${url}/v1/${key}`)).text()).toBe('"here"')
  }
})

test('every error of the dialect is JSON with the status of the catalogue', async () => {
  const { url, store, request } = await serve()
  expect(await seen(fetch(`${url}/kvs/x`, { method: 'POST', body: 'x' }))).toEqual([
    405,
    expect.stringMatching(/^{"error":"/),
  ])
  expect((await fetch(`${url}/kvs/x`, { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD, PUT, DELETE')
  for (const path of ['/kvs', '/kvs/']) {
    expect(await seen(fetch(url + path))).toEqual([405, '{"error":"no method is allowed here: a key is missing"}'])
  }
  expect(await seen(putValue(url, 'x', `"${'x'.repeat(1_000)}"`))).toEqual([
    413,
    expect.stringMatching(/^{"error":"the value/),
  ])
  expect(await seen(get(url, '%FF'))).toEqual([400, '{"error":"the key is not valid UTF-8"}'])
  expect(await seen(get(url, 'what?now'))).toEqual([400, expect.stringContaining('written %3F')])
  const conditional = put(url, 'x', '{"value":1}', { 'if-match': '"1"' })
  expect(await seen(conditional)).toEqual([412, '{"error":"the condition does not hold; nothing was stored"}'])
  expect(await request('HEAD', '/kvs/x')).toMatch(/^HTTP\/1.1 404 [\s\S]*\r\n\r\n$/)
  expect(store.writes).toEqual([])

  store.failure = notReady
  for (const answer of [await get(url, 'x'), await putValue(url, 'x', '1'), await remove(url, 'x')]) {
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(await seen(answer)).toEqual([503, '{"error":"the log is not replayed yet"}'])
  }
  store.failure = new KvsError('undecided')
  expect(await seen(putValue(url, 'x', '1'))).toEqual([503, expect.stringContaining('may or may not')])
  store.failure = new TypeError('secret detail')
  expect(await seen(get(url, 'x'))).toEqual([500, '{"error":"an unexpected error; see the log"}'])
})

test('HEAD answers with the headers of GET and no body', async () => {
  const { url, request } = await serve()
  await putValue(url, 'x', '1')
  const withoutDate = (text: string) => text.replace(/Date: .*\r\n/, '')
  const [head, get] = [await request('HEAD', '/kvs/x'), await request('GET', '/kvs/x')]
  expect(withoutDate(get)).toBe(`${withoutDate(head)}{"result":"found","value":1}`)
})

test('a position that is not known yet is left out', async () => {
  const { url, store } = await serve()
  store.position = () => ''
  store.failure = notReady
  expect((await get(url, 'x')).headers.get('kvs-position')).toBeNull()
})
