import { describe, expect, test } from 'vitest'
import { KvsError, NotOwner } from '../../../../../../kvs/core/errors.ts'
import { until } from '../../../../../support/until.ts'
import { startClient } from '../../../../forward/serve.ts'
import { ndjsonReply, serveRing } from '../../../serve-ring.ts'

const lists = [':', ':?limit=3', ':?values', ':?count', ':?delimiter=/']
const putOf = (key: string) => ({ kind: 'put' as const, key, value: Buffer.from('x'), contentType: undefined })
const asJson = { headers: { accept: 'application/json' } }

async function serveKeys(count = 3, options: Parameters<typeof serveRing>[1] = {}) {
  const ring = await serveRing(count, options)
  await Promise.all(Array.from({ length: 30 }, (_, n) => ring.put(`key-${n + 10}`)))
  const closed = () => until('every listing is closed', () => ring.nodes.every(({ store }) => store.lists.open === 0))
  return { ...ring, closed }
}

describe('a member that does not answer makes the list an error', () => {
  test.each(lists)('as it is gone: %s', async (path) => {
    const { nodes, addresses, url, closed } = await serveKeys()
    nodes[2]?.server.close()
    nodes[2]?.server.closeAllConnections()
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(`${url}/v1/${path}`, { method })
      expect(answer.status).toBe(503)
      const text = await answer.text()
      if (method === 'GET') expect(text).toBe(`nothing listens at ${addresses[2]}: is the node running there?\n`)
    }
    await closed()
  })

  test.each(lists)('as it answers with an error of its own: %s', async (path) => {
    const { nodes, addresses, url, closed } = await serveKeys()
    const refuse = () => Promise.reject(new KvsError('not_ready'))
    Object.assign(nodes[1]?.store ?? {}, { listKeys: refuse, listValues: refuse, countKeys: refuse })
    const answer = await fetch(`${url}/v1/${path}`, asJson)
    expect(await answer.json()).toMatchObject({
      status: 503,
      code: 'not_ready',
      detail: `the member ${addresses[1]} answers: the log is not replayed yet`,
    })
    await closed()
  })

  test('as this node’s own part is an error', async () => {
    const { first, url, closed } = await serveKeys()
    first.store.listKeys = () => Promise.reject(new KvsError('overloaded'))
    const answer = await fetch(`${url}/v1/:`, asJson)
    expect(await answer.json()).toMatchObject({ code: 'overloaded' })
    await closed()
  })

  test.each([
    [401, '', 'cannot_forward', 'status 401'],
    [401, '{"code":"unauthorized","detail":"no token"}', 'unauthorized', 'no token'],
    [418, '{"code":"tea","detail":"a pot"}', 'cannot_forward', 'a pot'],
    [500, 'an error', 'cannot_forward', 'status 500'],
  ])('as it answers with a strange one: %d %s', async (status, text, code, sentence) => {
    const { way, addresses, url, closed } = await serveKeys()
    way.answer = (address) => (address === addresses[1] ? { ...ndjsonReply([text]), status } : undefined)
    const answer = await fetch(`${url}/v1/:`, asJson)
    const detail = `the member ${addresses[1]} answers: ${sentence}`
    expect(await answer.json()).toMatchObject({ code, detail })
    await closed()
  })

  test.each<[path: string, chunks: (string | Error)[], headers: Record<string, string>, sentence: string]>([
    [':', ['"key-10"\n', new Error('reset')], {}, 'broke off'],
    [':', ['"key-10'], {}, 'broke off'],
    [':?count', [new Error('reset')], {}, 'broke off'],
    [':?values', ['{"key":"a"'], {}, 'broke off'],
    [':', ['<html>\n'], {}, 'a line is no key'],
    [':', ['"\\x"\n'], {}, 'a line is no JSON'],
    [':', ['"b"\n"a"\n'], {}, 'its keys are not in order'],
    [':', ['"b"\n"b"\n'], {}, 'its keys are not in order'],
    [':?values', ['{"key":1,"size":2}\n'], {}, 'a line is no key with its value'],
    [':?values', ['null\n'], {}, 'a line is no key with its value'],
    [':?count', ['{"count":-1}\n'], {}, 'it tells no count'],
    [':', ['"a"\n'], { 'content-type': 'application/json' }, 'its list is no NDJSON'],
    [':?limit=2', ['"a"\n'], { link: '</v1/:?limit=2>; rel="next"' }, 'its Link names no key'],
    [':?limit=2', ['"a"\n'], { link: '</v1/:?after=%FF>; rel="next"' }, 'its Link names no key'],
  ])('as what it sends is no whole part: %s %j', async (path, chunks, headers, sentence) => {
    const { way, addresses, url, closed } = await serveKeys()
    way.answer = (address) => (address === addresses[1] ? ndjsonReply(chunks, headers) : undefined)
    const answer = await fetch(`${url}/v1/${path}`, asJson)
    expect(await answer.json()).toMatchObject({ code: 'cannot_forward', detail: expect.stringContaining(sentence) })
    await closed()
  })

  test('as it tells no position', async () => {
    const { way, url, closed } = await serveKeys()
    way.change = (_address, reply) => ({
      ...reply,
      headers: new Map([...reply.headers].filter(([name]) => name !== 'kvs-position')),
    })
    expect(await (await fetch(`${url}/v1/:`)).text()).toMatch(/it tells no KVS-Position/)
    await closed()
  })
})

test('a member that breaks off after the head is out breaks off the list', async () => {
  const { way, addresses, url, closed } = await serveKeys()
  const lines = function* () {
    for (let n = 0; n < 20_000; n++) yield `"long-${String(n).padStart(8, '0')}"\n`
    yield new Error('reset')
  }
  way.answer = (address) => (address === addresses[2] ? ndjsonReply(lines()) : undefined)
  const answer = await fetch(`${url}/v1/:`)
  expect(answer.status).toBe(200)
  await expect(answer.text()).rejects.toThrow()
  await closed()
})

test('so does a defect of this node’s own part', async () => {
  const { first, url, closed } = await serveKeys()
  for (let n = 0; n < 12_000; n++) await first.store.write(putOf(`${'k'.repeat(100)}-${n + 10_000}`))
  first.store.lists.defectAt = 3_000
  const answer = await fetch(`${url}/v1/:`)
  expect(answer.status).toBe(200)
  await expect(answer.text()).rejects.toThrow()
  await closed()
})

test('a client that goes away in the middle ends the lists of all members', async () => {
  const { first, nodes, closed } = await serveKeys()
  for (const { store } of nodes) {
    for (let n = 0; n < 6_000; n++) await store.write(putOf(`${'k'.repeat(1_000)}-${n + 10_000}`))
  }
  const client = startClient(first.port)
  client.socket.pause()
  client.send('GET /v1/: HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('all lists are open', () => nodes.every(({ store }) => store.lists.open === 1))
  client.socket.destroy()
  await closed()
})

describe('a member that goes by another version of the ring', () => {
  test('has the list begin anew, until all go by one', async () => {
    const { way, addresses, url, closed } = await serveKeys()
    let left = 3
    way.answer = (address) => {
      if (address !== addresses[2] || left === 0) return undefined
      left--
      throw new NotOwner('cafe=2')
    }
    const answer = await fetch(`${url}/v1/:?count`)
    expect([answer.status, await answer.json(), left]).toEqual([200, { count: 30 }, 0])
    await closed()
  })

  test('is an error after the wait timeout, which says so', async () => {
    const { way, addresses, url, closed } = await serveKeys(3, { waitTimeoutMs: 200 })
    let tries = 0
    const begun = performance.now()
    way.answer = (address) => {
      if (address !== addresses[2]) return undefined
      tries++
      throw new NotOwner('cafe=2')
    }
    const answer = await fetch(`${url}/v1/:`, asJson)
    expect(await answer.json()).toMatchObject({
      code: 'cannot_forward',
      detail: expect.stringContaining('the ring is being changed, and for 200 ms'),
    })
    expect(performance.now() - begun).toBeGreaterThanOrEqual(199)
    expect(tries).toBeGreaterThan(3)
    await closed()
  })
})
