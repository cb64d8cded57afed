import { expect, test } from 'vitest'
import { NotOwner } from '../../../kvs/core/errors.ts'
import type { Part, PartReply } from '../../../kvs/http/api/routing.ts'
import { until } from '../../support/until.ts'
import { makeFakeRing, makeLeaving, makeTestRouting } from './ring.ts'
import { freePort, ok, startRawTarget, startTarget } from './serve.ts'

/** The part of a member at a port of the loopback. */
async function partAt(port: number, options: Parameters<typeof makeTestRouting>[1] = {}) {
  const ring = makeFakeRing(`127.0.0.1:${port}`)
  const routing = makeTestRouting(ring, options)
  const parts = await routing.partsFor(makeLeaving('GET', '/v1/:').request)
  return { ring, routing, part: parts?.[1] as Part }
}

async function textOf({ body }: PartReply): Promise<string> {
  let text = ''
  for await (const chunk of body) text += chunk
  return text
}

const cannotForward = {
  code: 'cannot_forward',
  message: expect.stringMatching(/^127\.0\.0\.1:\d+, a member of the ring, gives no/),
}

test('all members have parts, in order; without a ring there are none', async () => {
  const ring = makeFakeRing('two:2', 'three:3')
  const routing = makeTestRouting(ring)
  const partsFor = async (...headers: string[]) => {
    const parts = await routing.partsFor(makeLeaving('GET', '/v1/:', headers).request)
    return parts?.map(({ address, isOwn }) => [address, isOwn])
  }
  const all = [
    [ring.self, true],
    ['two:2', false],
    ['three:3', false],
  ]
  expect(await partsFor()).toEqual(all)
  expect(await partsFor('KVS-Ring', 'cafe=1')).toBeUndefined()
  const otherVersion = { ring: 'cafe=1', message: expect.stringContaining('goes by the version cafe=1') }
  await expect(partsFor('KVS-Ring', 'cafe=2')).rejects.toMatchObject(otherVersion)
  // Whoever asks knows more: this node asks for that too.
  expect(ring.learned).toEqual(['home:1'])
  await expect(partsFor('KVS-Ring', 'beef=2')).rejects.toMatchObject(otherVersion)
  expect(ring.learned).toEqual(['home:1'])
  ring.version = ''
  expect(await partsFor()).toBeUndefined()
  await expect(partsFor('KVS-Ring', 'cafe=2')).rejects.toThrow(NotOwner)
})

test('a part is asked with the request’s own path, query and headers, and without its body', async () => {
  const asked: unknown[] = []
  const { port } = await startTarget((request, response) => {
    const { method, url, headers } = request
    asked.push([method, url, headers])
    request.resume().on('end', () => response.writeHead(202, { 'KVS-Deleted': '3', 'X-A': ['1', '2'] }).end('ab'))
  })
  const { part, routing } = await partAt(port)
  const { request } = makeLeaving('DELETE', '/v1/a/:?limit=2', ['Authorization', 'Bearer t', 'KVS-Ring', 'x=1'], 'body')
  const reply = await part.ask(request)
  expect(reply.status).toBe(202)
  expect([reply.headers.get('kvs-deleted'), reply.headers.get('x-a')]).toEqual(['3', '1, 2'])
  expect(await textOf(reply)).toBe('ab')
  const change = { query: 'after=b', headers: ['Accept', 'application/x-ndjson', 'authorization', 'Bearer u'] }
  expect(await textOf(await part.ask(request, change))).toBe('ab')
  await textOf(await part.ask(request, { query: '' }))
  expect(asked).toMatchObject([
    ['DELETE', '/v1/a/:?limit=2', { authorization: 'Bearer t', 'kvs-ring': 'cafe=1', host: 'x' }],
    ['DELETE', '/v1/a/:?after=b', { authorization: 'Bearer u', 'kvs-ring': 'cafe=1', accept: 'application/x-ndjson' }],
    ['DELETE', '/v1/a/:', {}],
  ])
  for (const [, , headers] of asked as [string, string, Record<string, string>][]) {
    expect([undefined, '0']).toContain(headers['content-length'])
  }
  expect(request.resource).toBeUndefined()
  expect(routing.counts.passedOn).toBe(3)
})

test('a member that knows another version has its version learned', async () => {
  const { port } = await startTarget((_, response) => void response.writeHead(421, { 'KVS-Ring': 'cafe=2' }).end('no'))
  const { part, ring, routing } = await partAt(port)
  ring.learns = () => {
    ring.version = 'cafe=2'
  }
  await expect(part.ask(makeLeaving('GET', '/v1/:').request)).rejects.toThrow(new NotOwner('cafe=2'))
  expect(ring.learned).toEqual([part.address])
  expect(routing.counts).toMatchObject({ passedOn: 1, refusedByVersion: 1 })
})

test.each([
  ['that nothing listens at', undefined],
  ['that says nothing', () => undefined],
  ['that hangs up', 'destroy'],
] as const)('a member %s is named in the error', async (_, kind) => {
  const target = kind === 'destroy' ? startRawTarget(({ socket }) => socket.destroy()) : startRawTarget(kind)
  const port = kind === undefined ? await freePort() : (await target).port
  const { part } = await partAt(port, { timeoutMs: 100 })
  const { request } = makeLeaving('GET', '/v1/:')
  await expect(part.ask(request)).rejects.toMatchObject(cannotForward)
  expect(request.resource).toBeUndefined()
})

const begun = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi'

test.each(['breaks off', 'stops'])('an answer that %s ends with an error', async (kind) => {
  const target = await startRawTarget(({ socket }) => {
    socket.write(begun)
    if (kind === 'breaks off') socket.end()
  })
  const { part } = await partAt(target.port, { timeoutMs: 200 })
  const reply = await part.ask(makeLeaving('GET', '/v1/:').request)
  await expect(textOf(reply)).rejects.toMatchObject(cannotForward)
  await until('the member is told', (await target.connection()).ended)
})

test('an answer that is not read to its end is broken off', async () => {
  const target = await startRawTarget(({ socket }) => socket.write(begun))
  const { part } = await partAt(target.port)
  const { request } = makeLeaving('GET', '/v1/:')
  for await (const chunk of (await part.ask(request)).body) {
    expect(String(chunk)).toBe('hi')
    break
  }
  await until('the member is told', (await target.connection()).ended)
  expect(request.resource).toBeUndefined()
})

test.each(['head', 'body'])('a client that goes away ends the wait for the %s', async (kind) => {
  const target = await startRawTarget(({ socket }) => kind === 'body' && socket.write(begun))
  const { part } = await partAt(target.port)
  const { request, leave } = makeLeaving('GET', '/v1/:')
  let released = 0
  request.resource = { release: () => released++ }
  const text = part.ask(request).then(textOf)
  const { text: sent, ended } = await target.connection()
  await until('the member has the request', sent)
  leave()
  await expect(text).rejects.toThrow('the client is gone')
  await until('the member is told', ended)
  expect(released).toBe(1)
  await expect(part.ask(request)).rejects.toThrow('the client is gone')
})

test('several parts are asked at a time, and what the request held before stays held', async () => {
  const target = await startRawTarget(({ socket }) => socket.write(ok))
  const { part } = await partAt(target.port)
  const { request } = makeLeaving('GET', '/v1/:')
  let released = 0
  request.resource = { release: () => released++ }
  const texts = await Promise.all([part, part, part].map(async (one) => textOf(await one.ask(request))))
  expect(texts).toEqual(['hi', 'hi', 'hi'])
  request.resource?.release()
  expect(released).toBe(1)
})
