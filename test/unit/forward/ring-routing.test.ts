import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { NotOwner } from '../../../kvs/core/errors.ts'
import { makeMemoryBudget } from '../../../kvs/memory/memory-budget.ts'
import { until } from '../../support/until.ts'
import { guardOf, secretOf } from '../http/guarded.ts'
import { makeFakeRing, makeLeaving, makeTestRouting, serveMember } from './ring.ts'
import { freePort, startClient, startRawTarget, startTarget } from './serve.ts'

/** A member that tells what it was asked. */
async function startEcho() {
  const asked: string[] = []
  const { port } = await startTarget(async (request, response) => {
    const { method, url, headers, headersDistinct } = request
    asked.push(`${method} ${url}`)
    const names = ['kvs-ring', 'authorization', 'idempotency-key', 'host', 'kvs-min-position', 'if-match']
    const framing = ['content-length', 'transfer-encoding', 'expect'].map((name) => [name, headers[name]])
    const told = { method, url, body: await text(request), ...Object.fromEntries(framing) }
    const answer = JSON.stringify({
      ...told,
      ...Object.fromEntries(names.map((name) => [name, headersDistinct[name]])),
    })
    response.writeHead(207, { 'KVS-Position': 'beef=7', 'Content-Length': Buffer.byteLength(answer) }).end(answer)
  })
  return { address: `127.0.0.1:${port}`, asked }
}

/** A member that refuses requests while it is of this version. */
async function startRefusing(version = 'cafe=1') {
  const state = { version: version as string | undefined, requests: 0, bodies: [] as string[], onRequest: () => {} }
  const { port } = await startTarget(async (request, response) => {
    state.requests++
    state.onRequest()
    state.bodies.push(await text(request))
    if (state.version === undefined) response.end('done')
    else response.writeHead(421, { 'KVS-Ring': state.version }).end('the key belongs to another member')
  })
  return { address: `127.0.0.1:${port}`, state }
}

const sends = [
  ['GET', '/v1/a?consistent', undefined],
  ['PUT', '/v1/a', 'hällo'],
  ['PUT', '/v1/a', ''],
  ['PUT', '/kvs/a', '{"value":1}'],
  ['POST', '/v1/:', '{"do":[{"put":"a","value":"1"}]}'],
  ['PUT', '/keyValue-store/a', 'val=1&payload='],
  ['GET', '/keyValue-store/a', 'payload='],
] as const

test.each(sends)('%s %s is passed on with its body, and so is the answer', async (method, path, body) => {
  const member = await startEcho()
  const ring = makeFakeRing(member.address)
  ring.owners.set('a', [member.address])
  const { request, store } = await serveMember(ring)
  const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
  const answer = await request(method, path, `KVS-Min-Position: beef=6\r\n${length}`, body)
  expect(answer).toMatch(/^HTTP\/1\.1 207 [\s\S]*KVS-Position: beef=7/)
  const told = JSON.parse(Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1').toString())
  expect(told).toMatchObject({ method, url: path, body: body ?? '', 'kvs-ring': ['cafe=1'] })
  expect(told).toMatchObject({ host: ['x'], 'kvs-min-position': ['beef=6'] })
  expect(store.writes).toEqual([])
})

test.each([
  ['DELETE', '/v1/a', 'Content-Length: 7\r\n', 'dropped'],
  ['DELETE', '/v1/a', 'Transfer-Encoding: chunked\r\n', '7\r\ndropped\r\n0\r\n\r\n'],
  ['POST', '/v1/a?add=1', 'Content-Length: 7\r\n', 'dropped'],
  ['GET', '/v1/a', 'Content-Length: 7\r\n', 'ignored'],
  ['HEAD', '/v1/a', '', ''],
])('%s %s %s promises no body where that was dropped', async (method, path, headers, body) => {
  const member = await startEcho()
  const ring = makeFakeRing(member.address)
  ring.owners.set('a', [member.address])
  const { request } = await serveMember(ring)
  const answer = await request(method, path, headers, body)
  expect(answer).toMatch(/^HTTP\/1\.1 207 /)
  expect(member.asked).toEqual([`${method} ${path}`])
  if (method === 'HEAD') return
  const told = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
  expect(told).toMatchObject({ method, url: path, body: '' })
  expect([undefined, '0']).toContain(told['content-length'])
  expect(told['transfer-encoding']).toBeUndefined()
})

test('a chunked body goes on whole; the token and the Idempotency-Key as the client sent them', async () => {
  const member = await startEcho()
  const ring = makeFakeRing(member.address)
  ring.owners.set('a', [member.address])
  const { request } = await serveMember(ring, { guard: guardOf(`both:read+write:${secretOf('both')}`) })
  const headers = [
    `Authorization: Bearer ${secretOf('both')}`,
    'Idempotency-Key: once',
    'If-Match: "x"',
    'Expect: 100-continue',
    'Transfer-Encoding: chunked',
    '',
  ]
  const answer = await request('PUT', '/v1/a', headers.join('\r\n'), '2\r\nab\r\n1\r\nc\r\n0\r\n\r\n')
  expect(JSON.parse(answer.slice(answer.lastIndexOf('\r\n\r\n') + 4))).toMatchObject({
    ...{ body: 'abc', 'content-length': '3', 'idempotency-key': ['once'], 'if-match': ['"x"'] },
    authorization: [`Bearer ${secretOf('both')}`],
  })
})

test('a key of this member’s is answered here, and costs a read no promise', async () => {
  const ring = makeFakeRing()
  const { url, routing } = await serveMember(ring)
  expect((await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })).status).toBe(201)
  expect(await (await fetch(`${url}/v1/a`)).text()).toBe('x')
  expect(routing.counts).toEqual({ passedOn: 0, refusedByVersion: 0, retried: 0 })
  const reply = { status: 200, headers: [], body: undefined }
  expect(routing.answer(makeLeaving('GET', '/v1/a').request, ['a'], () => reply)).toBe(reply)
})

test('where a write is refused since its key has moved meanwhile, it is passed on', async () => {
  const member = await startEcho()
  const ring = makeFakeRing(member.address)
  const { url, store } = await serveMember(ring)
  store.refuses = () => {
    ring.owners.set('a', [member.address])
    return new NotOwner('cafe=2')
  }
  const answer = await fetch(`${url}/v1/a`, { method: 'PUT', body: 'moved' })
  expect([answer.status, await answer.json()]).toEqual([207, expect.objectContaining({ body: 'moved' })])
})

test('a refusal leads to what the member knows, and to another try elsewhere', async () => {
  const [old, owner] = [await startRefusing('cafe=2'), await startEcho()]
  const ring = makeFakeRing()
  ring.owners.set('a', [old.address])
  ring.learns = () => {
    ring.version = 'cafe=2'
    ring.owners.set('a', [owner.address])
  }
  const { url, routing } = await serveMember(ring)
  const answer = await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })
  expect([answer.status, await answer.json()]).toEqual([
    207,
    expect.objectContaining({ body: 'x', 'kvs-ring': ['cafe=2'] }),
  ])
  expect(ring.learned).toEqual([old.address])
  expect(old.state.bodies).toEqual(['x'])
  expect(routing.counts).toEqual({ passedOn: 2, refusedByVersion: 1, retried: 1 })
})

test('a refusal that comes to a halt is a refusal all the same', async () => {
  const halting = await startRawTarget(({ socket }) => {
    socket.write('HTTP/1.1 421 Misdirected Request\r\nKVS-Ring: cafe=2\r\nContent-Length: 100\r\n\r\nthe')
  })
  const owner = await startEcho()
  const ring = makeFakeRing()
  ring.owners.set('a', [`127.0.0.1:${halting.port}`])
  ring.learns = () => void ring.owners.set('a', [owner.address])
  const { url } = await serveMember(ring, { routing: { timeoutMs: 100 } })
  expect((await fetch(`${url}/v1/a`)).status).toBe(207)
  expect(halting.requests()).toBe(1)
})

test('while a change is under way, the next candidate is asked, and all of them again until one takes the key', async () => {
  const [before, after] = [await startRefusing(), await startRefusing()]
  const ring = makeFakeRing()
  ring.owners.set('a', [before.address, ring.self, after.address])
  const { url } = await serveMember(ring)
  const answer = fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })
  await until('each was asked twice', () => before.state.requests > 1 && after.state.requests > 1)
  after.state.version = undefined
  expect(await (await answer).text()).toBe('done')
  expect(ring.learned).toEqual([])
  expect(new Set([...before.state.bodies, ...after.state.bodies])).toEqual(new Set(['x']))
})

test('a key that this member is about to own is waited for', async () => {
  const ring = makeFakeRing()
  ring.owners.set('a', [ring.self])
  const { url, routing } = await serveMember(ring)
  const answer = fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })
  await until('it was tried again', () => routing.counts.retried > 1)
  ring.owners.delete('a')
  expect((await answer).status).toBe(201)
})

test('news of the ring end the wait for a member that takes the key, also news that come during a try', async () => {
  const ring = makeFakeRing()
  const tell = () => {
    for (const callback of ring.listeners) callback()
  }
  const old = await startRefusing()
  ring.owners.set('a', [old.address])
  const { request } = makeLeaving('GET', '/v1/a')
  let asleep = 0
  const clock = {
    ...request.clock,
    /** Time stands still. */
    sleep: (_ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        asleep++
        signal.addEventListener('abort', () => resolve())
      }),
  }
  const local = async () => ({ status: 204, headers: [], body: undefined }) as never
  const routing = makeTestRouting(ring)
  const reply = routing.answer(Object.assign(request, { clock }), ['a'], local, undefined)
  await until('it waits', () => asleep === 1)
  tell()
  await until('it waits again', () => asleep === 2)
  expect(old.state.requests).toBe(2)
  old.state.onRequest = () => {
    tell()
    ring.owners.delete('a')
  }
  tell()
  expect(await reply).toMatchObject({ status: 204 })
  expect(asleep).toBe(2)
  expect(ring.listeners.size).toBe(0)
})

test('that nobody takes a key is said once the time is over', async () => {
  const old = await startRefusing('cafe=0')
  const ring = makeFakeRing()
  ring.owners.set('a', [old.address])
  const { url } = await serveMember(ring, { routing: { waitTimeoutMs: 100 } })
  const answer = await fetch(`${url}/v1/a`, { method: 'PUT', body: 'x' })
  expect([answer.status, await answer.text()]).toEqual([
    503,
    'the ring is being changed, and no member has taken the key within 100 ms; nothing was done\n',
  ])
  expect(old.state.requests).toBeGreaterThan(2)
  expect(ring.learned).toHaveLength(old.state.requests)
})

test('a 421 without KVS-Ring is the answer', async () => {
  const { port } = await startTarget((_, response) => void response.writeHead(421).end('misdirected'))
  const ring = makeFakeRing()
  ring.owners.set('a', [`127.0.0.1:${port}`])
  const { url } = await serveMember(ring)
  const answer = await fetch(`${url}/v1/a`)
  expect([answer.status, await answer.text()]).toEqual([421, 'misdirected'])
})

test('a write whose answer is lost is sent once, and its error is in the dialect’s form', async () => {
  const member = await startRawTarget(({ socket, text }) => text().endsWith('}') && socket.destroy())
  const ring = makeFakeRing()
  const address = `127.0.0.1:${member.port}`
  ring.owners.set('a', [address, address])
  const { url } = await serveMember(ring)
  const answer = await fetch(`${url}/kvs/a`, { method: 'PUT', body: '{"value":1}' })
  const { error } = (await answer.json()) as { error: string }
  expect(answer.status).toBe(503)
  expect(error).toBe(
    `${address}, a member of the ring, gives no answer (the connection to ${address} broke off before its answer was ` +
      'there); what was asked may be done, or may be yet',
  )
  expect(member.requests()).toBe(1)
})

test.each(['silent', 'missing'])('a %s member makes a read 503', async (kind) => {
  const port = kind === 'silent' ? (await startRawTarget()).port : await freePort()
  const ring = makeFakeRing()
  ring.owners.set('a', [`127.0.0.1:${port}`])
  const { url, routing } = await serveMember(ring, { routing: { timeoutMs: 100 } })
  const answer = await fetch(`${url}/v1/a`, { headers: { accept: 'application/json' } })
  expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'cannot_forward' }])
  expect(routing.counts).toEqual({ passedOn: 1, refusedByVersion: 0, retried: 0 })
})

test('a transaction of several owners is 409, which names them; one of a common owner is passed on', async () => {
  const member = await startEcho()
  const ring = makeFakeRing()
  ring.owners.set('a', ['one:1', member.address]).set('b', [member.address]).set('c', ['two:2'])
  const { url, store } = await serveMember(ring)
  const post = (...keys: string[]) =>
    fetch(`${url}/v1/:`, { method: 'POST', body: JSON.stringify({ do: keys.map((key) => ({ delete: key })) }) })
  const answer = await post('a', 'b', 'c', 'own', 'own2')
  expect([answer.status, await answer.text()]).toEqual([
    409,
    `the keys belong to several members of the ring, 1 to one:1, 1 to ${member.address}, 1 to two:2 and 2 to ` +
      `${ring.self}: a transaction takes keys of one; nothing was stored\n`,
  ])
  expect(member.asked).toEqual([])
  expect((await post('a', 'b')).status).toBe(207)
  expect(store.writes).toEqual([])
})

test('a request from a member is never passed on', async () => {
  const member = await startEcho()
  const ring = makeFakeRing()
  ring.owners.set('a', [member.address]).set('b', ['two:2'])
  const { request, store } = await serveMember(ring)
  const refused = /^HTTP\/1\.1 421 [\s\S]*KVS-Ring: cafe=1/
  for (const version of ['cafe=1', 'cafe=2', 'beef=1']) {
    const from = `KVS-Ring: ${version}\r\n`
    expect(await request('GET', '/v1/a', from)).toMatch(refused)
    expect(await request('PUT', '/v1/a', `${from}Content-Length: 1\r\n`, 'x')).toMatch(refused)
    const two = '{"do":[{"delete":"a"},{"delete":"b"}]}'
    expect(await request('POST', '/v1/:', `${from}Content-Length: ${two.length}\r\n`, two)).toMatch(refused)
  }
  for (const version of ['', 'cafe', 'cafe=0', 'CAFE=1', 'cafe=1,cafe=1', 'x'.repeat(5_000)]) {
    const [head, text] = (await request('GET', '/v1/own', `KVS-Ring: ${version}\r\n`)).split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 400 /)
    expect(text).toBe('KVS-Ring takes what it had in an answer, ID=VERSION; nothing was done\n')
  }
  expect(member.asked).toEqual([])
  expect(await request('GET', '/v1/own', 'KVS-Ring: cafe=2\r\n')).toMatch(/^HTTP\/1\.1 404 /)
  // What another ring calls its own is not to get into this one.
  expect(await request('PUT', '/v1/own', 'KVS-Ring: beef=1\r\nContent-Length: 1\r\n', 'x')).toMatch(refused)
  store.refuses = () => new NotOwner('cafe=2')
  expect(await request('PUT', '/v1/own', 'KVS-Ring: cafe=2\r\nContent-Length: 1\r\n', 'x')).toMatch(refused)
})

test('a node in no ring takes nothing from one, and answers everything else', async () => {
  const ring = makeFakeRing()
  ring.version = ''
  const { request } = await serveMember(ring)
  expect(await request('GET', '/v1/a', 'KVS-Ring: cafe=1\r\n')).toMatch(/^HTTP\/1\.1 421 [\s\S]*\r\nKVS-Ring: \r\n/)
  expect(await request('GET', '/v1/a')).toMatch(/^HTTP\/1\.1 404 /)
})

test('a client that goes away ends its request, which is not tried again', async () => {
  const silent = await startRawTarget()
  const ring = makeFakeRing()
  ring.owners.set('a', [`127.0.0.1:${silent.port}`])
  const { port, routing } = await serveMember(ring)
  const client = startClient(port)
  client.send('PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx')
  const seen = await silent.connection()
  await until('the member has the request', () => seen.text().endsWith('x'))
  client.socket.destroy()
  await until('the member is told', seen.ended)
  expect(routing.counts).toEqual({ passedOn: 1, refusedByVersion: 0, retried: 0 })
})

test('a client that goes away ends the wait between two tries', async () => {
  const ring = makeFakeRing()
  ring.owners.set('a', [ring.self])
  const { request, leave } = makeLeaving('GET', '/v1/a')
  const routing = makeTestRouting(ring)
  const local = () => expect.fail('not to be asked')
  const reply = routing.answer(request, ['a'], local)
  await until('it waits', () => request.resource)
  leave()
  await expect(reply).rejects.toThrow('the client is gone')
})

test('a body counts in the budget until the member has answered', async () => {
  const answers: (() => void)[] = []
  const { port, server } = await startTarget((request, response) => {
    request.resume().on('end', () => answers.push(() => response.end()))
  })
  const ring = makeFakeRing()
  ring.owners.set('a', [`127.0.0.1:${port}`])
  const budget = makeMemoryBudget(100_000)
  const { url } = await serveMember(ring, { budget, maxValueBytes: 50_000 })
  const answer = fetch(`${url}/v1/a`, { method: 'PUT', body: Buffer.alloc(40_000) })
  await once(server, 'request')
  const done = await until('the member has it all', () => answers[0])
  expect(budget.held('writes')).toBe(40_000)
  done()
  expect((await answer).status).toBe(200)
  expect(budget.held('writes')).toBe(0)
})

test('once stopped, nothing is passed on any more', async () => {
  const silent = await startRawTarget()
  const ring = makeFakeRing()
  ring.owners.set('a', [`127.0.0.1:${silent.port}`])
  const { url, routing } = await serveMember(ring)
  const answer = fetch(`${url}/v1/a`)
  await silent.connection()
  await routing.stop()
  expect(await (await answer).text()).toContain('gives no answer (this node has been told to stop)')
  expect((await fetch(`${url}/v1/a`)).status).toBe(503)
  expect(silent.connections).toHaveLength(1)
})
