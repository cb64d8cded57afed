import { expect, test } from 'vitest'
import { NotOwner } from '../../../../kvs/core/errors.ts'
import { makeKeyHandlers } from '../../../../kvs/http/api/key-handlers.ts'
import type { Routing } from '../../../../kvs/http/api/routing.ts'
import { valueDialect } from '../../../../kvs/http/api/value-dialect.ts'
import { makeBodyDropper, makeBodyReceiver } from '../../../../kvs/http/exchange/body-receiver.ts'
import { makeReplyHold } from '../../../../kvs/http/exchange/reply-memory.ts'
import { makeMemoryBudget } from '../../../../kvs/memory/memory-budget.ts'
import { makeRequest } from '../fake-request.ts'
import { bearer, guardOf, secretOf } from '../guarded.ts'
import { makeFakeStore } from '../serve.ts'
import { serveForms } from './sites/ask.ts'

interface Asked {
  readonly method: string
  readonly keys: readonly string[]
  readonly body: string | undefined
}

/** Routing that notes what it is asked. What `answers` gives is what another member answers. */
function makeFakeRouting(answers: Routing['answer'] = (_request, _keys, local) => local()) {
  const asked: Asked[] = []
  const routing: Routing = {
    answer(request, keys, local, body) {
      asked.push({ method: request.method, keys, body: body?.toString() })
      return answers(request, keys, local, body)
    },
    partsFor: async () => undefined,
    waitTimeoutMs: 1_000,
  }
  return { asked, routing }
}

const elsewhere: Routing['answer'] = async () => ({ status: 299, headers: ['Content-Length', '4'], body: 'from' })

const transaction = JSON.stringify({ if: [{ key: 'c', etag: null }], do: [{ put: 'a', value: '1' }, { delete: 'b' }] })

const requests = [
  ['GET', '/v1/a', undefined, ['a'], undefined],
  ['HEAD', '/v1/a', undefined, ['a'], undefined],
  ['PUT', '/v1/a', 'one', ['a'], 'one'],
  ['PUT', '/v1/a', '', ['a'], ''],
  ['PUT', '/kvs/a', '{"value":"one"}', ['a'], '{"value":"one"}'],
  ['DELETE', '/v1/a', 'dropped', ['a'], undefined],
  ['POST', '/v1/a?add=1', 'dropped', ['a'], undefined],
  ['POST', '/v1/:', transaction, ['c', 'a', 'b'], transaction],
  ['GET', '/keyValue-store/a?payload=', undefined, ['a'], ''],
  ['GET', '/keyValue-store/a', 'payload=', ['a'], 'payload='],
  ['GET', '/keyValue-store/search/a', 'payload=', ['a'], 'payload='],
  ['PUT', '/keyValue-store/a', 'val=%31&payload=', ['a'], 'val=%31&payload='],
  ['DELETE', '/keyValue-store/a', 'payload=', ['a'], 'payload='],
] as const

test.each(requests)('%s %s is answered where its keys belong', async (method, path, body, keys, received) => {
  const { asked, routing } = makeFakeRouting(elsewhere)
  const { request, store } = await serveForms({ routing })
  const framing = body === undefined ? '' : `Content-Length: ${body.length}\r\n`
  expect(await request(method, path, framing, body)).toMatch(/^HTTP\/1\.1 299 /)
  expect(asked).toEqual([{ method, keys, body: received }])
  expect(store.writes).toEqual([])
})

test.each(requests)(
  '%s %s is answered here, and more than once where that is tried again',
  async (method, path, body) => {
    const framing = body === undefined ? '' : `Content-Length: ${body.length}\r\n`
    const { request: requestAlone } = await serveForms()
    const alone = await requestAlone(method, path, framing, body)
    const { routing } = makeFakeRouting(async (_request, _keys, local) => {
      store.failure = new NotOwner('r=2')
      await expect((async () => local())()).rejects.toThrow(NotOwner)
      store.failure = undefined
      return local()
    })
    const { request, store } = await serveForms({ routing })
    const undated = (answer: string) => answer.replace(/(Date|X-Request-Id): .*\r\n/gi, '')
    expect(undated(await request(method, path, framing, body))).toBe(undated(alone))
  },
)

test.each([
  ['PUT', '/v1/%00', '', '400'],
  ['PUT', '/v1/a', 'KVS-TTL: soon\r\n', '400'],
  ['GET', '/v1/a?b', '', '400'],
  ['DELETE', '/v1/a?b', '', '400'],
  ['POST', '/v1/a?add=x', '', '400'],
  ['POST', '/v1/:', '', '400'],
  ['PUT', '/kvs/a', '', '400'],
  ['PUT', '/keyValue-store/a', '', '400'],
  ['GET', '/keyValue-store/a?payload=x', '', '400'],
])('what is wrong with %s %s %s is said here', async (method, path, headers, status) => {
  const { asked, routing } = makeFakeRouting(elsewhere)
  const { request } = await serveForms({ routing })
  expect(await request(method, path, headers)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(asked).toEqual([])
})

test('a caller who may not reach a key is told so here', async () => {
  const { asked, routing } = makeFakeRouting(elsewhere)
  const { url } = await serveForms({ routing, guard: guardOf(`bounded:read:${secretOf('bounded')}:b`) })
  const answer = await fetch(`${url}/v1/a`, { headers: bearer('bounded') })
  expect(answer.status).toBe(403)
  expect(asked).toEqual([])
})

test('a position is waited for where the keys belong, not before', async () => {
  const { routing } = makeFakeRouting(elsewhere)
  const { request, store } = await serveForms({ routing })
  for (const [method, path, body] of requests) {
    const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`
    const answer = await request(method, path, `KVS-Min-Position: cafe0123=9\r\n${length}`, body)
    expect(answer).toMatch(/^HTTP\/1\.1 299 /)
  }
  expect(store.waits).toEqual([])
})

test('what a member may not pass on is 421, with the version of the ring, in each dialect', async () => {
  const { routing } = makeFakeRouting(() => {
    throw new NotOwner('cafe=7')
  })
  const { request } = await serveForms({ routing })
  const answer = await request('GET', '/v1/a', 'KVS-Ring: cafe=6\r\nAccept: application/json\r\n')
  expect(answer).toMatch(/^HTTP\/1\.1 421 /)
  expect(answer).toContain('\r\nKVS-Ring: cafe=7\r\n')
  expect(answer).toContain('"code":"not_owner"')
  expect(await request('PUT', '/kvs/a', 'Content-Length: 11\r\n', '{"value":1}')).toMatch(
    /^HTTP\/1\.1 421 [\s\S]*KVS-Ring: cafe=7[\s\S]*"the key belongs to another member of the ring; nothing was done"/,
  )
})

test('a node that can be in no ring takes nothing that a member passes on to it', async () => {
  const { request, store } = await serveForms()
  for (const name of ['KVS-Ring', 'kvs-ring']) {
    const ring = `${name}: cafe=6\r\n`
    for (const [method, path, more = '', body = ''] of [
      ['GET', '/v1/a'],
      ['GET', '/v1/:'],
      ['DELETE', '/v1/:'],
      ['PUT', '/v1/a', 'Content-Length: 1\r\n', 'x'],
      ['POST', '/v1/a?add=1'],
    ] as const) {
      const answer = await request(method, path, ring + more, body)
      expect(answer).toMatch(/^HTTP\/1\.1 421 [\s\S]*this node is in none \(KVS_ADDRESS\); nothing was done\n$/)
    }
  }
  expect(store.writes).toEqual([])
  expect(await request('GET', '/v1/a', 'KVS-Rings: x\r\n')).toMatch(/^HTTP\/1\.1 400 /)
})

test('a read that is answered here needs no promise', async () => {
  const [store, budget] = [makeFakeStore(), makeMemoryBudget(1_000)]
  await store.write({ kind: 'put', key: 'a', value: Buffer.from('x'), contentType: undefined })
  const { asked, routing } = makeFakeRouting()
  const handlers = makeKeyHandlers(valueDialect, {
    ...{ store, routing, receiveBody: makeBodyReceiver({ maxBytes: 10, budget }) },
    ...{ dropBody: makeBodyDropper(10), holdReply: makeReplyHold(budget) },
  })
  expect(handlers.GET?.(makeRequest('GET', '/v1/a'))).toMatchObject({ status: 200 })
  expect(asked).toHaveLength(1)
})
