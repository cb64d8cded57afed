import { describe, expect, test } from 'vitest'
import { KvsError, NotOwner } from '../../../../../../kvs/core/errors.ts'
import { until } from '../../../../../support/until.ts'
import { startClient } from '../../../../forward/serve.ts'
import { serveRing } from '../../../serve-ring.ts'

const clear = { method: 'DELETE', headers: { accept: 'application/json' } }
const keys = Array.from({ length: 60 }, (_, n) => `key-${n + 10}`)

async function serveKeys(options: Parameters<typeof serveRing>[1] = {}) {
  const ring = await serveRing(3, options)
  for (const key of keys) await ring.put(key)
  await ring.put('other')
  const counts = ring.nodes.map(({ store }) => store.writes.filter(({ key }) => key !== 'other').length)
  for (const { store } of ring.nodes) store.writes.length = 0
  const left = async () => (await (await fetch(`${ring.url}/v1/:`)).json()) as string[]
  return { ...ring, left, counts }
}

test('a clear deletes the keys of all members, and tells the sum', async () => {
  const { url, left, nodes } = await serveKeys()
  const answer = await fetch(`${url}/v1/key-:`, clear)
  expect([answer.status, answer.headers.get('kvs-deleted'), await answer.text()]).toEqual([200, '60', ''])
  expect(answer.headers.get('kvs-position')).toMatch(/^cafe0123=\d+$/)
  expect(await left()).toEqual(['other'])
  expect(nodes.every(({ store }) => store.writes.length > 0 && store.lists.open === 0)).toBe(true)
  expect((await fetch(`${url}/v1/key-:`, clear)).headers.get('kvs-deleted')).toBe('0')
})

test('a body is dropped here, and goes on to nobody', async () => {
  const { url, asked } = await serveKeys()
  const answer = await fetch(`${url}/v1/key-:`, { ...clear, body: 'x'.repeat(500) })
  expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([200, '60'])
  expect(
    asked
      .flatMap(({ headers }) => headers)
      .join()
      .toLowerCase(),
  ).not.toContain('content-length')
  expect((await fetch(`${url}/v1/key-:`, { ...clear, body: 'x'.repeat(2_000) })).status).toBe(413)
})

test('where one member has spooled its own it is answered 202', async () => {
  const { url, nodes } = await serveKeys()
  Object.assign(nodes[1]?.store ?? {}, { spools: true })
  const answer = await fetch(`${url}/v1/key-:`, clear)
  expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([202, '60'])
  expect(answer.headers.get('kvs-durability')).toBe('spooled')
})

test.each([
  [403, 'clear_not_allowed', {}],
  [400, 'bad_request', { 'if-match': '*' }],
  [400, 'bad_request', { 'idempotency-key': 'x' }],
])('this node refuses it with %d %s before it asks anybody', async (status, code, headers) => {
  const { url, asked, left } = await serveKeys({ allowsClear: code !== 'clear_not_allowed' })
  const answer = await fetch(`${url}/v1/key-:`, { ...clear, headers: { ...clear.headers, ...headers } })
  expect([answer.status, await answer.json()]).toEqual([status, expect.objectContaining({ code })])
  expect(asked).toEqual([])
  expect((await left()).length).toBe(61)
})

describe('a member that fails', () => {
  test('is told with what the others have deleted, and the clear can be repeated', async () => {
    const { url, way, addresses, left, counts } = await serveKeys()
    way.answer = (address) => {
      if (address === addresses[2]) throw new KvsError('cannot_forward', 'nothing listens at c:1')
      return undefined
    }
    const answer = await fetch(`${url}/v1/key-:`, clear)
    const deleted = keys.length - (counts[2] ?? 0)
    expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([503, String(deleted)])
    expect(await answer.json()).toMatchObject({
      code: 'cannot_forward',
      detail: `the clear broke off after ${deleted} keys, and can be repeated: nothing listens at c:1`,
    })
    way.answer = undefined
    expect((await fetch(`${url}/v1/key-:`, clear)).headers.get('kvs-deleted')).toBe(String(counts[2]))
    expect(await left()).toEqual(['other'])
  })

  test.each([0, 1])('midway tells of its own as well: %d', async (at) => {
    const { url, addresses, nodes, left } = await serveKeys()
    let room = 5
    Object.assign(nodes[at]?.store ?? {}, {
      refuses: () => (room-- > 0 ? undefined : new KvsError('undecided')),
    })
    const answer = await fetch(`${url}/v1/key-:`, clear)
    const deleted = 61 - (await left()).length
    expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([503, String(deleted)])
    const who = at === 0 ? '' : `the member ${addresses[at]} answers: `
    expect(await answer.json()).toMatchObject({
      code: 'undecided',
      detail: `the clear broke off after ${deleted} keys, and can be repeated: ${who}no answer came from the log; the \
write may or may not have been stored, or may be yet`,
    })
  })

  test('is no member where it does not tell how many it has deleted', async () => {
    const { url, way } = await serveKeys()
    for (const told of [undefined, 'some']) {
      way.change = (_address, reply) => {
        const headers = new Map([...reply.headers].filter(([name]) => name !== 'kvs-deleted'))
        return { ...reply, headers: told === undefined ? headers : headers.set('kvs-deleted', told) }
      }
      const answer = await fetch(`${url}/v1/key-:`, clear)
      expect(await answer.json()).toMatchObject({ code: 'cannot_forward', detail: expect.stringContaining('delete') })
    }
  })

  test('is told as it is where nothing was begun', async () => {
    const { url } = await serveKeys()
    const headers = { ...clear.headers, 'KVS-Min-Position': 'cafe0123=1000' }
    const answer = await fetch(`${url}/v1/key-:`, { ...clear, headers })
    expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([503, null])
    expect(await answer.json()).toMatchObject({ code: 'behind' })
  })
})

test('a member that goes by another version of the ring has it begin anew, with what was deleted', async () => {
  const { url, way, addresses, left } = await serveKeys()
  let tries = 0
  way.answer = (address) => {
    if (address === addresses[1] && tries++ < 2) throw new NotOwner('cafe=2')
    return undefined
  }
  const answer = await fetch(`${url}/v1/key-:`, { ...clear, body: 'x' })
  expect([answer.status, answer.headers.get('kvs-deleted'), tries]).toEqual([200, '60', 3])
  expect(await left()).toEqual(['other'])
})

test('it gives up where the ring goes on changing, and tells what was deleted', async () => {
  const { url, way, addresses, counts } = await serveKeys({ waitTimeoutMs: 200 })
  let tries = 0
  way.answer = (address) => {
    if (address !== addresses[1]) return undefined
    tries++
    throw new NotOwner('cafe=2')
  }
  const answer = await fetch(`${url}/v1/key-:`, clear)
  expect(answer.headers.get('kvs-deleted')).toBe(String(keys.length - (counts[1] ?? 0)))
  expect(await answer.json()).toMatchObject({
    code: 'cannot_forward',
    detail: expect.stringContaining('being changed'),
  })
  expect(tries).toBeGreaterThan(3)
})

test('where its client goes away, the members are told', async () => {
  const { first, way, addresses } = await serveKeys()
  const client = startClient(first.port)
  let isReleased = false
  way.answer = async (address, request) => {
    if (address !== addresses[1]) return await new Promise(() => undefined)
    const { promise, reject } = Promise.withResolvers<never>()
    request.resource = {
      release() {
        isReleased = true
        reject(new Error('it was ended'))
      },
    }
    client.socket.destroy()
    return promise
  }
  client.send('DELETE /v1/key-: HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('the part is let go of', () => isReleased)
})
