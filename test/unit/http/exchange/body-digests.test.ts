import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startForwarder } from '../../forward/serve.ts'
import { serve } from '../serve.ts'

const body = '{"value":1}'
const of = (algorithm: string, text = body) => hash(algorithm, text, 'base64')
const [sha256, sha512, md5] = [of('sha256'), of('sha512'), of('md5')]
const other = of('sha256', 'another body')

const put = (headers: string) => ['PUT', headers, `Content-Length: ${body.length}\r\n`] as const

/** On both dialects, of a node and of a forwarder before it; the statuses, and the answers' texts. */
async function putEverywhere(header: string): Promise<{ answers: string[]; writes: number }> {
  const { port, store, request } = await serve()
  const forwarder = await startForwarder(port)
  const [method, headers, length] = put(`${header}\r\n`)
  const answers: string[] = []
  for (const path of ['/v1/a', '/kvs/a']) {
    answers.push(await request(method, path, headers + length, body))
    const name = header.slice(0, header.indexOf(':'))
    const value = header.slice(name.length + 2)
    const answer = await fetch(forwarder.url + path, { method, headers: { [name]: value }, body })
    answers.push(`HTTP/1.1 ${answer.status} ${await answer.text()}`)
  }
  return { answers, writes: store.writes.length }
}

test.each([
  `Content-Digest: sha-256=:${sha256}:`,
  `Content-Digest: sha-512=:${sha512}:`,
  `Content-Digest: SHA-256=:${sha256}:;q=1, sha-512=:${sha512}:`,
  `Content-Digest: md5=:${md5}:, sha-256=:${sha256}:`,
  `Repr-Digest: sha-256=:${sha256}:`,
  `Digest: SHA-256=${sha256},unixsum=30637`,
  `Content-MD5: ${md5}`,
])('a value with the digest of its header is stored: %s', async (header) => {
  const { answers, writes } = await putEverywhere(header)
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 20[01] /)
  expect(writes).toBe(4)
})

test.each([
  [`Content-Digest: sha-256=:${other}:`, 'do not have the sha-256 of Content-Digest'],
  [`Content-Digest: sha-256=:${sha256}:, sha-512=:${other}:`, 'do not have the sha-512 of Content-Digest'],
  [`Repr-Digest: sha-256=:${other}:`, 'do not have the sha-256 of Repr-Digest'],
  [`Digest: sha-256=${other}`, 'do not have the sha-256 of Digest'],
  [`Content-MD5: ${of('md5', 'another body')}`, 'do not have the md5 of Content-MD5'],
  [`Content-Digest: md5=:${md5}:`, 'no digest that is checked here, sha-256 or sha-512'],
  [`Content-Digest: ${sha256}`, 'Content-Digest takes a list of digests such as sha-256=:BASE64:'],
  [`Digest: sha-256=:${sha256}:`, 'Digest takes a list of digests such as sha-256=BASE64'],
  ['Repr-Digest: ', 'Repr-Digest takes a list'],
  [`Content-MD5: ${sha256}`, 'Content-MD5 takes the 16 bytes of an MD5 in base64'],
  ['Content-MD5: ', 'Content-MD5 takes the 16 bytes'],
])('a value is not stored with a digest that is not its own, or can’t be checked: %s', async (header, message) => {
  const { answers, writes } = await putEverywhere(header)
  for (const answer of answers) {
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain(message)
    expect(answer).toContain('nothing was stored')
  }
  expect(writes).toBe(0)
})

test('a header that can’t be checked is refused before the body is asked for', async () => {
  const { raw, store } = await serve()
  const answer = await raw(
    'PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-MD5: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
  )
  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  expect(store.writes).toEqual([])
})

test('an empty value has a digest too, and so has one in chunks', async () => {
  const { request, store } = await serve()
  const empty = `Content-Digest: sha-256=:${of('sha256', '')}:\r\n`
  expect(await request('PUT', '/v1/a', `${empty}Content-Length: 0\r\n`)).toMatch(/^HTTP\/1\.1 201 /)
  const chunked = `Content-Digest: sha-256=:${of('sha256', 'hi')}:\r\nTransfer-Encoding: chunked\r\n`
  expect(await request('PUT', '/v1/a', chunked, '1\r\nh\r\n1\r\ni\r\n0\r\n\r\n')).toMatch(/^HTTP\/1\.1 201 /)
  expect(await request('PUT', '/v1/a', chunked, '1\r\nh\r\n0\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  expect(store.writes).toHaveLength(2)
})
