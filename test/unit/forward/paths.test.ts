import { expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { makeFakeMembers, makeFakeSite } from '../http/fake-site.ts'
import { serve } from '../http/serve.ts'
import { cannotForward, request, startClient, startForwarder, startRawTarget } from './serve.ts'

const json = async (url: string) => {
  const answer = await fetch(url)
  return [answer.status, await answer.json()] as [number, Record<string, unknown>]
}

test('each dialect works through a forwarder, and through one more', async () => {
  const node = await serve()
  const near = await startForwarder(node.port)
  const far = await startForwarder(near.port)
  for (const { url } of [near, far]) {
    const key = new URL(url).port
    expect(await json(`${url}/kvs/${key}`)).toEqual([404, { error: 'Key does not exist' }])
    const put = await fetch(`${url}/kvs/${key}`, { method: 'PUT', body: '{"value":1.0}' })
    expect([put.status, await put.json()]).toEqual([201, { result: 'created' }])
    const plain = await fetch(`${url}/v1/${key}`)
    expect([plain.headers.get('etag'), await plain.text()]).toEqual([put.headers.get('etag'), '1.0'])
    expect((await fetch(`${url}/v1/${key}`, { method: 'DELETE' })).status).toBe(200)
    expect(await (await fetch(`${url}/v1/${key}`)).text()).toBe('no such key\n')
  }
})

test('forms work through a forwarder, with any method, and so does the view', async () => {
  const node = await serve({ site: makeFakeSite(makeFakeMembers()) })
  const { url, port } = await startForwarder(node.port)
  const form = (method: string, path: string, body: string) =>
    request(port, method, path, `Content-Length: ${body.length}\r\n`, body)
  expect(await form('PUT', '/keyValue-store/x', 'val=1')).toContain('"msg":"Added successfully"')
  expect(await form('GET', '/keyValue-store/x', 'payload=cafe0123:1')).toContain('"value":"1"')
  expect(await form('GET', '/keyValue-store/x', 'payload=cafe0123:9')).toContain('Payload out of date')
  expect(await form('GET', '/keyValue-store/search/x', 'payload=cafe0123:1')).toContain('"isExists":true')
  expect(await form('DELETE', '/keyValue-store/x', 'payload=cafe0123:1')).toContain('Key deleted')
  expect(await form('PUT', '/view', 'ip_port=a:1')).toContain('Successfully added a:1 to view')
  expect(await json(`${url}/view`)).toEqual([200, { view: 'a:1' }])
})

test('/livez is the forwarder’s own, /readyz tells of its target', async () => {
  const node = await serve()
  const near = await startForwarder(node.port)
  const far = await startForwarder(near.port)
  const target = `127.0.0.1:${node.port}`
  const nearAnswer = { state: 'forwarding', target, reason: null, answer: node.store.status() }
  for (const path of ['/readyz', '/healthz', '/readyz?x'])
    expect(await json(near.url + path)).toEqual([200, nearAnswer])
  expect(await json(`${far.url}/readyz`)).toEqual([
    200,
    { state: 'forwarding', target: `127.0.0.1:${near.port}`, reason: null, answer: nearAnswer },
  ])
  node.store.state = 'replaying'
  expect(await json(`${far.url}/readyz`)).toEqual([
    503,
    {
      ...{ state: 'forwarding', target: `127.0.0.1:${near.port}` },
      reason: `127.0.0.1:${near.port} is not ready: it answers 503`,
      answer: {
        ...{ state: 'forwarding', target, reason: `${target} is not ready: it answers 503` },
        answer: node.store.status(),
      },
    },
  ])
  expect((await fetch(`${near.url}/readyz`, { method: 'HEAD' })).status).toBe(503)
  expect(await json(`${near.url}/livez`)).toEqual([200, { live: true }])
})

test('/readyz says why there is no answer', async () => {
  const silent = await startRawTarget()
  const strange = await startRawTarget(({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))
  const reasonOf = async (target: number | string) => {
    const { url } = await startForwarder(target)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    const [status, answer] = await json(`${url}/readyz`)
    return [status, answer.reason, answer.answer]
  }
  expect(await reasonOf('127.0.0.1:1')).toEqual([
    503,
    'nothing listens at 127.0.0.1:1: is the node running there?',
    null,
  ])
  const address = `127.0.0.1:${silent.port}`
  expect(await reasonOf(silent.port)).toEqual([503, `${address}: no answer within 2000 ms`, null])
  expect(await reasonOf(strange.port)).toEqual([200, null, null])
})

test('forwarders that point at each other, or at themselves, say so', async () => {
  const first = await startForwarder(1)
  const second = await startForwarder(first.port)
  // Its port is known only now: the one in its place points at the second.
  await first.close()
  await startForwarder(second.port, { port: first.port })
  const self = await startForwarder(1)
  await self.close()
  await startForwarder(self.port, { port: self.port })
  for (const { url, port } of [first, second, self]) {
    const answer = await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })
    expect([answer.status, await answer.json()]).toEqual([
      508,
      { error: expect.stringContaining('FORWARDING_ADDRESS') },
    ])
    const [status, ready] = await json(`${url}/readyz`)
    expect([status, ready.reason]).toEqual([503, expect.stringMatching(/is not ready: it answers 50[38]/)])
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect(port).toBeGreaterThan(0)
  }
})

test('told to stop, it says so, finishes what is under way, and gives up on the rest', async () => {
  const target = await startRawTarget(({ socket, text }) => {
    if (text().includes('/v1/slow')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
  })
  const { port, url, forwarder } = await startForwarder(target.port)
  const silent = startClient(port)
  silent.send('GET /v1/silent HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('the target has it', (await target.connection()).text)
  forwarder.announceStop()
  expect(await json(`${url}/readyz`)).toEqual([
    503,
    { state: 'draining', target: `127.0.0.1:${target.port}`, reason: 'told to stop', answer: null },
  ])
  expect(await (await fetch(`${url}/v1/slow`)).text()).toBe('hi')
  const stopped = forwarder.stop()
  await silent.receives(/^HTTP\/1.1 503 [\s\S]*{"error":"Cannot forward request"}$/)
  await stopped
  expect(await (await fetch(`${url}/v1/slow`)).text()).toBe(cannotForward)
})
