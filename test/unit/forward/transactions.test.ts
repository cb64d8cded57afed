import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { guardOf, secretOf } from '../http/guarded.ts'
import { serve } from '../http/serve.ts'
import { startForwarder, startTarget } from './serve.ts'

const door = [
  `reads:read:${secretOf('reads')}`,
  `writes:write:${secretOf('writes')}`,
  `both:read+write:${secretOf('both')}`,
  `bounded:read+write:${secretOf('bounded')}:a/,b`,
].join(' ')

const post = (url: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })

test('transactions, counts and what became of them go through as they are', async () => {
  const node = await serve()
  const { url } = await startForwarder(node.port)
  const done = await post(url, '/v1/:', {
    do: [
      { put: 'a', value: 'x' },
      { add: 'n', by: 1 },
    ],
  })
  expect([done.status, done.headers.get('kvs-position')]).toEqual([200, 'cafe0123=2'])
  expect(await done.json()).toMatchObject({ results: [{ key: 'a' }, { key: 'n', value: '1' }] })
  const failed = await post(url, '/v1/:', { if: [{ key: 'a', etag: null }], do: [{ delete: 'a' }] })
  expect([failed.status, await failed.json()]).toEqual([412, { failed: [expect.objectContaining({ index: 0 })] }])
  expect((await post(url, '/v1/:', { do: [] })).status).toBe(400)
  const count = await post(url, '/v1/n?add=41', '')
  expect([count.status, await count.text()]).toEqual([200, '42'])
  expect((await post(url, '/v1/a?add=1', '')).status).toBe(409)
})

test('a forwarder with tokens lets through what its caller may do, and the target gets the body as it was', async () => {
  const asked: string[] = []
  const target = await startTarget(async (request, response) => {
    asked.push(`${request.method} ${request.url} ${await text(request)} ${request.headers['idempotency-key']?.length}`)
    response.end()
  })
  const { url } = await startForwarder(target.port, { guard: guardOf(door) })
  const as = (name: string) => ({ Authorization: `Bearer ${secretOf(name)}` })
  const cases: [name: string, path: string, body: string, status: number][] = [
    ['reads', '/v1/:', '{"do":[{"delete":"a/1"}]}', 403],
    ['writes', '/v1/:', ' {"do":[{"delete":"a/1"}]}\n', 200],
    ['writes', '/v1/:', '{"do":[{"add":"a/1","by":1}]}', 403],
    ['writes', '/v1/:', '{"if":[{"key":"a/1","etag":null}],"do":[{"delete":"a/1"}]}', 403],
    ['both', '/v1/:', `{"do":[{"put":"x","value":"${'é'.repeat(1_000_000)}"}]}`, 200],
    ['bounded', '/v1/:', '{"do":[{"delete":"a/1"},{"put":"b","value":""}]}', 200],
    ['bounded', '/v1/:', '{"do":[{"delete":"a/1"},{"put":"c","value":""}]}', 403],
    ['bounded', '/v1/:', '{"if":[{"key":"c","etag":null}],"do":[{"delete":"a/1"}]}', 403],
    ['both', '/v1/:', '{"do":[{"delete":"a"}],"do":[]}', 400],
    ['both', '/v1/x:', '{"do":[{"delete":"a"}]}', 400],
    ['both', '/v1/n?add=1', '', 200],
    ['writes', '/v1/n?add=1', '', 403],
    ['reads', '/v1/n?add=1', '', 403],
    ['bounded', '/v1/bn?add=1', '', 200],
    ['bounded', '/v1/n?add=1', '', 403],
  ]
  for (const [name, path, body, status] of cases) {
    asked.length = 0
    const answer = await post(url, path, body, { ...as(name), 'Idempotency-Key': 'k' })
    expect(answer.status, `${path} ${body.slice(0, 100)} by ${name}`).toBe(status)
    expect(asked).toEqual(status === 200 ? [`POST ${path} ${body} 64`] : [])
  }
  asked.length = 0
  const chunked = new ReadableStream({
    start(controller) {
      for (const chunk of ['{"do":', '[{"delete":"a/1"}]}']) controller.enqueue(Buffer.from(chunk))
      controller.close()
    },
  })
  const options: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: as('both'),
    body: chunked,
    duplex: 'half',
  }
  expect((await fetch(`${url}/v1/:`, options)).status).toBe(200)
  expect(asked).toEqual(['POST /v1/: {"do":[{"delete":"a/1"}]} undefined'])
  const large = await post(url, '/v1/:', ' '.repeat(8 * 1024 * 1024 + 1), as('both'))
  expect(large.status).toBe(413)
})
