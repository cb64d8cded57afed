import { expect, test } from 'vitest'
import { sequenceOf } from '../../../support/tags.ts'
import { serve } from '../serve.ts'

const get = (url: string, headers: Record<string, string> = {}) => fetch(`${url}/v1/a`, { headers })
const put = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/a`, { method: 'PUT', body, headers })
const tagIn = (answer: Response) => answer.headers.get('etag') ?? ''
const shown = (answer: Response) => [answer.status, answer.headers.get('etag')]

test('a read whose If-None-Match has the value’s ETag is answered with 304', async () => {
  const { url } = await serve()
  expect((await get(url, { 'If-None-Match': '"1"' })).status).toBe(404)
  const tag = tagIn(await put(url, 'x'))
  const known = await get(url, { 'If-None-Match': `"7", W/${tag}` })
  expect(shown(known)).toEqual([304, tag])
  expect(known.headers.get('kvs-position')).toBe('cafe0123=1')
  expect(shown(await get(url, { 'If-None-Match': '*' }))).toEqual([304, tag])
  expect(shown(await get(url, { 'If-None-Match': '"2", "another"' }))).toEqual([200, tag])
  expect(shown(await get(url, { 'If-Match': tag }))).toEqual([200, tag])
  expect(shown(await get(url, { 'If-Match': '"2"' }))).toEqual([412, tag])
})

test('an ETag that is alike, or was the same in an older version, matches nothing', async () => {
  const { url } = await serve()
  const tag = tagIn(await put(url, 'x'))
  const [logId, sequence, mark = ''] = tag.slice(1, -1).split('-')
  const [otherLog, otherMark] = ['0a0b0c0d', [...mark].reverse().join('')]
  for (const other of [
    `"${sequence}"`,
    `"${logId}-${sequence}"`,
    `"${otherLog}-${sequence}-${mark}"`,
    `"${logId}-2-${mark}"`,
    `"${logId}-${sequence}-${otherMark}"`,
    `"${tag.slice(1, -1).toUpperCase()}"`,
    `" ${tag.slice(1)}`,
    '""',
  ]) {
    expect([other, ...shown(await get(url, { 'If-None-Match': other }))]).toEqual([other, 200, tag])
    expect([other, ...shown(await get(url, { 'If-Match': other }))]).toEqual([other, 412, tag])
    expect([other, ...shown(await put(url, 'y', { 'If-Match': other }))]).toEqual([other, 412, tag])
  }
})

test('a spooled value has no tag, and is there', async () => {
  const { url, store } = await serve()
  const spooled = { tag: undefined, modifiedAt: undefined, deadline: undefined }
  store.get = () => ({ value: Buffer.from('x'), contentType: undefined, ...spooled })
  const both = await get(url, { 'If-Match': '*', 'If-None-Match': '*' })
  expect([both.status, both.headers.get('kvs-durability')]).toEqual([304, 'spooled'])
  for (const tag of ['"1"', '""', '"undefined"']) {
    expect((await get(url, { 'If-Match': tag })).status).toBe(412)
    expect((await get(url, { 'If-None-Match': tag })).status).toBe(200)
  }
})

test('a write is done only where its condition holds', async () => {
  const { url, store } = await serve()
  expect(shown(await put(url, 'x', { 'If-Match': '*' }))).toEqual([412, null])
  const created = await put(url, 'x', { 'If-None-Match': '*' })
  const first = tagIn(created)
  expect([created.status, sequenceOf(created)]).toEqual([201, 1n])
  expect(shown(await put(url, 'y', { 'If-None-Match': '*' }))).toEqual([412, first])
  expect(shown(await put(url, 'y', { 'If-None-Match': `W/${first}` }))).toEqual([412, first])
  expect(shown(await put(url, 'y', { 'If-Match': '"7"' }))).toEqual([412, first])
  expect(shown(await put(url, 'y', { 'If-Match': `W/${first}` }))).toEqual([412, first])
  const replaced = await put(url, 'y', { 'If-Match': `"7", ${first}` })
  expect([replaced.status, sequenceOf(replaced)]).toEqual([201, 2n])
  const refused = await fetch(`${url}/v1/a`, { method: 'DELETE', headers: { 'If-Match': first } })
  expect([refused.status, await refused.text()]).toEqual([412, 'the condition does not hold; nothing was stored\n'])
  const deleted = await fetch(`${url}/v1/a`, { method: 'DELETE', headers: { 'If-Match': tagIn(replaced) } })
  expect(deleted.status).toBe(200)
  expect(store.writes.map(({ kind }) => kind)).toEqual(['put', 'put', 'delete'])
})

test.each(['1', 'abc', '"1" "2"', ',', ''])('a condition that is no list of ETags is refused: %s', async (tag) => {
  const { request, store } = await serve()
  const answer = await request('PUT', '/v1/a', `If-Match: ${tag}\r\nContent-Length: 0\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  expect(answer).toContain('If-Match takes an ETag with its quotes, like "c18e0369-12-9f86d081"')
  expect(store.writes).toEqual([])
})

test('an Idempotency-Key goes with the write, alone or with a condition', async () => {
  const { url, store, request } = await serve()
  await put(url, 'x', { 'Idempotency-Key': '8e03978e' })
  await put(url, 'x', { 'Idempotency-Key': '"quoted"', 'If-Match': '"1"' })
  expect(store.idempotencyKeys).toEqual(['8e03978e', '"quoted"'])
  for (const key of ['', 'x'.repeat(256), 'é']) {
    const answer = await request('PUT', '/v1/a', `Idempotency-Key: ${key}\r\nContent-Length: 0\r\n`)
    expect(answer).toContain('an Idempotency-Key has 1 to 255 printable ASCII characters')
  }
})
