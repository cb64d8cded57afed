import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import type { Copies } from '../../../../kvs/kv/index.ts'
import { makeMemoryBudget } from '../../../../kvs/memory/memory-budget.ts'
import { until } from '../../../support/until.ts'
import { makeFakeSite } from '../fake-site.ts'
import { serve } from '../serve.ts'

/** A server whose writes wait for copies until a test says how many there are. */
async function serveWithCopies(count?: number) {
  const waits: { sequence: bigint; elapsedMs: number; resolve: (count: number) => void; isCancelled: boolean }[] = []
  const copies: Copies = {
    wanted: 2,
    wait(sequence, elapsedMs) {
      const { promise, resolve } = Promise.withResolvers<number>()
      const wait = { sequence, elapsedMs, resolve, isCancelled: false }
      waits.push(wait)
      if (count !== undefined) resolve(count)
      return {
        done: promise,
        cancel() {
          wait.isCancelled = true
          resolve(1)
        },
      }
    },
  }
  const budget = makeMemoryBudget(100_000)
  const server = await serve({ site: { ...makeFakeSite(), copies }, budget, allowsClear: true })

  /** Status, KVS-Copies, KVS-Durability and whether there is an ETag. */
  async function ask(method: string, path: string, body = '', headers: Record<string, string> = {}) {
    const hasBody = method !== 'GET' && method !== 'HEAD'
    const answer = await fetch(`${server.url}${path}`, { method, headers, ...(hasBody && { body }) })
    const text = await answer.text()
    const of = (name: string) => answer.headers.get(name)
    return { status: answer.status, copies: of('kvs-copies'), durability: of('kvs-durability'), tag: of('etag'), text }
  }
  return { ...server, budget, waits, ask }
}

type Asked = [method: string, path: string, body: string, status: number]
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
const writes: Asked[] = [
  ['PUT', '/v1/k', 'v', 201],
  ['DELETE', '/v1/k', '', 200],
  ['POST', '/v1/n?add=1', '', 200],
  ['POST', '/v1/:', '{"if":[],"do":[{"put":"t","value":"1"}]}', 200],
  ['DELETE', '/v1/old:', '', 200],
  ['PUT', '/kvs/j', '{"value":1}', 201],
  ['DELETE', '/kvs/old', '', 200],
  ['PUT', '/keyValue-store/f', 'val=1&payload=', 200],
  ['DELETE', '/keyValue-store/old', 'payload=', 200],
]

test.each(writes)('%s %s says how many logs have it, and is 202 where these are too few', async (...asked) => {
  const [method, path, body, status] = asked
  const counts: [count: number, status: number][] = [
    [2, status],
    [3, status],
    [1, 202],
  ]
  for (const [count, expected] of counts) {
    const { ask, waits } = await serveWithCopies(count)
    await ask('PUT', '/v1/old', 'x')
    waits.splice(0)
    const answer = await ask(method, path, body, form)
    expect(answer).toMatchObject({ status: expected, copies: String(count), durability: null })
    expect(waits.map(({ sequence }) => sequence)).toEqual([2n])
    expect(answer.text).toBe((await serveAndAsk(asked)).text)
  }
})

/** The answer of a server whose writes wait for nothing. */
async function serveAndAsk([method, path, body]: Asked) {
  const { url } = await serve({ site: makeFakeSite(), allowsClear: true })
  await fetch(`${url}/v1/old`, { method: 'PUT', body: 'x' })
  const answer = await fetch(`${url}${path}`, { method, body, headers: form })
  expect(answer.headers.has('kvs-copies')).toBe(false)
  return { text: await answer.text() }
}

test('a clear waits for the last of its deletes, and from then on', async () => {
  const { ask, waits } = await serveWithCopies(2)
  for (let number = 0; number < 5; number++) await ask('PUT', `/v1/a/${number}`, 'x')
  waits.splice(0)
  expect(await ask('DELETE', '/v1/a/:')).toMatchObject({ status: 200, copies: '2' })
  expect(waits).toMatchObject([{ sequence: 10n, elapsedMs: 0 }])
})

test('what wrote nothing, failed, or only read waits for nobody', async () => {
  const { ask, waits } = await serveWithCopies(2)
  await ask('PUT', '/v1/k', 'v')
  waits.splice(0)
  const stale = { 'If-Match': '"stale"' }
  const failing = '{"if":[{"key":"k","etag":null}],"do":[{"put":"t","value":"1"}]}'
  const answers = [
    await ask('PUT', '/v1/k', 'v', stale),
    await ask('DELETE', '/v1/k', '', stale),
    await ask('POST', '/v1/:', failing),
    await ask('POST', '/v1/k?add=1'),
    await ask('DELETE', '/kvs/absent'),
    await ask('DELETE', '/v1/absent/:'),
    await ask('GET', '/v1/k'),
    await ask('GET', '/v1/:'),
  ]
  expect(answers.map(({ status, copies }) => [status, copies])).toEqual([
    ...[412, 412, 412, 409, 404, 200, 200, 200].map((status) => [status, null]),
  ])
  expect(waits).toEqual([])
})

test('a spooled write has none, and stays what it is', async () => {
  const { ask, store, waits } = await serveWithCopies(2)
  store.spools = true
  expect(await ask('PUT', '/v1/k', 'v')).toEqual({
    status: 202,
    copies: '0',
    durability: 'spooled',
    tag: null,
    text: '',
  })
  expect(waits).toEqual([])
})

test('the value has left the memory while its copies are waited for, and who goes away ends the wait', async () => {
  const { budget, waits, port, ask } = await serveWithCopies()
  const socket = connect(port, '127.0.0.1')
  socket.write(`PUT /v1/k HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n${'v'.repeat(900)}`)
  await until('it waits', () => waits.length === 1)
  await until('the memory is free', () => budget.held('writes') === 0)
  expect(waits[0]?.isCancelled).toBe(false)
  socket.destroy()
  await once(socket, 'close')
  await until('the wait is over', () => waits[0]?.isCancelled === true)
  // One that is answered is not cancelled.
  const answer = ask('PUT', '/v1/k', 'v')
  await until('it waits', () => waits.length === 2)
  waits[1]?.resolve(2)
  expect(await answer).toMatchObject({ status: 201, copies: '2' })
  expect(waits[1]?.isCancelled).toBe(false)
})
