import { describe, expect, test } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { courseworkDialect } from '../../../../kvs/http/api/coursework-dialect.ts'
import { makeKeyHandlers } from '../../../../kvs/http/api/key-handlers.ts'
import { valueDialect } from '../../../../kvs/http/api/value-dialect.ts'
import { makeBodyDropper, makeBodyReceiver } from '../../../../kvs/http/exchange/body-receiver.ts'
import { makeReplyHold } from '../../../../kvs/http/exchange/reply-memory.ts'
import type { Kv } from '../../../../kvs/kv/kv.ts'
import { makeMemoryBudget } from '../../../../kvs/memory/memory-budget.ts'
import { headerIn, makeRequest } from '../fake-request.ts'
import { makeFakeStore, serve } from '../serve.ts'

const dialects = [valueDialect, courseworkDialect]
const body = '{"value":"one"}'

function handlersOf(dialect: (typeof dialects)[number], store: Kv) {
  const budget = makeMemoryBudget(100_000)
  const [receiveBody, dropBody] = [makeBodyReceiver({ maxBytes: 1_000, budget }), makeBodyDropper(1_000)]
  const handlers = makeKeyHandlers(dialect, { store, receiveBody, dropBody, holdReply: makeReplyHold(budget) })
  return (method: string, key: string, headers: string[] = [], sent?: string) => {
    const request = makeRequest(method, dialect.prefix + key, headers, sent)
    const handle = handlers[method]
    if (handle === undefined) throw new Error(`no handler of ${method}`)
    return { request, reply: handle(request) }
  }
}

/** The same store, but `get` asks somebody else first; and another write lands meanwhile. */
function makeRemoteStore() {
  const local = makeFakeStore()
  const store: Kv = {
    ...local,
    async get(key) {
      const found = local.get(key)
      await local.write({ kind: 'put', key: 'other', value: Buffer.from('x'), contentType: undefined })
      await new Promise((resolve) => setImmediate(resolve))
      return found
    },
  }
  return { local, store }
}

describe.each(dialects)('the dialect of $prefix', (dialect) => {
  test('reads without a promise where the store answers at once', async () => {
    const store = makeFakeStore()
    const ask = handlersOf(dialect, store)
    const put = await ask('PUT', 'a', [], body).reply
    const { reply } = ask('GET', 'a')
    expect(reply).not.toBeInstanceOf(Promise)
    expect(await reply).toMatchObject({ status: 200 })
    expect(headerIn(await reply, 'etag')).toBe(headerIn(put, 'etag'))
  })

  test('reads from a store that answers by a promise, with the position from before it was asked', async () => {
    const { local, store } = makeRemoteStore()
    const ask = handlersOf(dialect, store)
    await ask('PUT', 'a', [], body).reply
    const direct = await handlersOf(dialect, local)('GET', 'a').reply
    for (const method of ['GET', 'HEAD']) {
      const before = store.position()
      const { request, reply } = ask(method, 'a')
      expect(reply).toBeInstanceOf(Promise)
      expect(await reply).toMatchObject({ status: 200, body: direct.body })
      expect(headerIn(await reply, 'kvs-position')).toBe(before)
      expect(store.position()).not.toBe(before)
      expect(request.telemetry).toMatchObject({ key: 'a', bytes: dialect.valueOf(Buffer.from(body)).length })
    }
  })

  test('judges preconditions, and the lack of a value, where the store answers by a promise', async () => {
    const { store } = makeRemoteStore()
    const ask = handlersOf(dialect, store)
    const tag = headerIn(await ask('PUT', 'a', [], body).reply, 'etag') ?? ''
    expect(await ask('GET', 'a', ['If-None-Match', tag]).reply).toMatchObject({ status: 304, body: undefined })
    await expect(ask('GET', 'a', ['If-Match', '"other"']).reply).rejects.toMatchObject({ code: 'condition_failed' })
    expect(await ask('GET', 'none').reply).toMatchObject({ status: 404 })
  })

  test('hands on how a store fails, at once or by a promise', async () => {
    const failure = new KvsError('not_ready')
    const failing = { ...makeFakeStore(), get: () => Promise.reject(failure) }
    await expect(handlersOf(dialect, failing)('GET', 'a').reply).rejects.toBe(failure)
    const store = makeFakeStore()
    store.failure = failure
    expect(() => handlersOf(dialect, store)('GET', 'a')).toThrow(failure)
  })
})

test('a server over a store that answers by promises does the same as over one that answers at once', async () => {
  const { local, store } = makeRemoteStore()
  const { url } = await serve({ store })
  for (const path of ['/v1/a', '/kvs/a']) {
    expect((await fetch(url + path)).status).toBe(404)
    const put = await fetch(url + path, { method: 'PUT', body })
    const got = await fetch(url + path)
    expect([put.status, got.status]).toEqual([201, 200])
    expect(got.headers.get('etag')).toBe(put.headers.get('etag'))
    expect((await fetch(url + path, { method: 'DELETE' })).status).toBe(200)
  }
  local.failure = new TypeError('secret detail')
  const failed = await fetch(`${url}/v1/a`)
  expect([failed.status, await failed.text()]).toEqual([500, 'an unexpected error; see the log\n'])
})
