import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import { nowhere, positionAt } from '../../../kvs/core/position.ts'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { ringJson } from '../../../kvs/core/ring/ring-text.ts'
import { makeTarget, type Target } from '../../../kvs/forward/index.ts'
import { makeHttpMember } from '../../../kvs/ring/index.ts'

const ring: Ring = {
  ...{ id: 'beef', version: 3, home: 'a:1', standbys: ['c:1'] },
  ...{ positions: new Map([[3000, 'a:1']]), next: new Map([[5000, 'b:1']]), joining: ['b:1'] },
}
const owns = [{ from: 0, through: 3_000 }]
const stateText = JSON.stringify({ ring: ringJson(ring), self: 'a:1', owns: '0-3000', position: 'cafe=7' })

const stateWith = (change: object) => JSON.stringify({ ...JSON.parse(stateText), ...change })

interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly text?: string
}

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A member that gives one answer to all, and notes what it was asked. */
async function memberWith({ status = 200, headers = {}, text = stateText }: Answer, token?: string) {
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'} ${await textOf(request)}`)
    response.writeHead(status, headers).end(text)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const target = targetAt(`127.0.0.1:${port}`)
  closing.push(
    () => target.dispatcher.destroy(),
    () => new Promise((resolve) => server.close(resolve)),
  )
  return { member: makeHttpMember(target, token), asked, name: target.name }
}

function targetAt(address: string): Target {
  return makeTarget({
    address,
    tls: undefined,
    timeoutMs: 1_000,
    logger: { info: () => undefined, warn: () => undefined },
  })
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

test('a member is asked for what it knows, with the token', async () => {
  const { member, asked } = await memberWith({}, 'secret')
  expect(await member.state()).toEqual({ ring, self: 'a:1', owns, position: positionAt('cafe', 7n) })
  expect(asked).toEqual(['GET /ring Bearer secret '])
})

test('a member in no ring says so', async () => {
  const { member } = await memberWith({ text: '{"ring":null,"self":"a:1","owns":"","position":""}' })
  expect(await member.state()).toEqual({ ring: undefined, self: 'a:1', owns: [], position: nowhere })
})

test('a version, a gift and each kind of change go as JSON', async () => {
  const { member, asked } = await memberWith({})
  const text = JSON.stringify(ringJson(ring))
  await member.learn(ring)
  expect(await member.give(ring, true)).toEqual(positionAt('cafe', 7n))
  for (const change of [
    { kind: 'replace', positions: new Map([[1, 'x:1']]) },
    { kind: 'add', position: 7, address: 'x:1' },
    { kind: 'remove', address: 'x:1' },
    { kind: 'call off' },
    { kind: 'remove lost', addresses: ['x:1', 'y:1'], confirmed: 12 },
    { kind: 'remove lost', addresses: ['x:1'], confirmed: undefined },
  ] as const) {
    await member.change({ asker: 'c:1', change })
  }
  expect(asked).toEqual([
    `PUT /ring - ${text}`,
    `POST /ring/give - {"ring":${text},"check":true}`,
    'POST /ring/change - {"asker":"c:1","replace":{"1":"x:1"}}',
    'POST /ring/change - {"asker":"c:1","add":{"position":7,"address":"x:1"}}',
    'POST /ring/change - {"asker":"c:1","remove":"x:1"}',
    'POST /ring/change - {"asker":"c:1","call_off":true}',
    'POST /ring/change - {"asker":"c:1","remove_lost":{"addresses":["x:1","y:1"],"confirm":12}}',
    'POST /ring/change - {"asker":"c:1","remove_lost":{"addresses":["x:1"],"confirm":null}}',
  ])
})

test('a member that could give may be nowhere, and one that has given may not', async () => {
  const { member } = await memberWith({ text: stateWith({ position: '' }) })
  expect(await member.give(ring, true)).toEqual(nowhere)
  await expect(member.give(ring, false)).rejects.toMatchObject({
    code: 'cannot_forward',
    message: expect.stringContaining('does not answer where it has given up its keys'),
  })
})

const problem = (code: string) => JSON.stringify({ code, detail: 'a sentence' })

test('a refusal is the member’s own', async () => {
  const { member } = await memberWith({ status: 409, text: problem('ring_conflict') })
  await expect(member.give(ring, false)).rejects.toMatchObject({ code: 'ring_conflict', message: 'a sentence' })
})

test('a member that is not the home says which version it knows', async () => {
  const { member } = await memberWith({ status: 421, headers: { 'KVS-Ring': 'beef=4' }, text: problem('not_owner') })
  const error = await member.change({ asker: 'c:1', change: { kind: 'remove', address: 'x:1' } }).catch((one) => one)
  expect(error).toBeInstanceOf(NotOwner)
  expect(error.ring).toBe('beef=4')
})

test.each<[string, Answer, RegExp]>([
  ['an error of its own', { status: 503, text: problem('not_ready') }, /^127.0.0.1:\d+ answers 503: a sentence$/],
  ['no such page', { status: 404, text: 'no' }, /answers 404: no; is KVS_ADDRESS set there\?/],
  ['no JSON', { text: 'hello' }, /does not answer what it knows of the ring/],
  ['JSON of something else', { text: '[1]' }, /does not answer what it knows of the ring/],
  [
    'a ring that is none',
    { text: '{"ring":{},"self":"a:1","owns":"","position":""}' },
    /does not answer what it knows/,
  ],
  ['ranges that are none', { text: stateWith({ owns: '9-1' }) }, /does not answer what it knows/],
  ['a position that is none', { text: stateWith({ position: 'cafe' }) }, /does not answer what it knows/],
  ['a position of no log', { text: stateWith({ position: 'stamp=1' }) }, /does not answer what it knows/],
  ['no position', { text: stateWith({ position: undefined }) }, /does not answer what it knows/],
  ['more than an answer has', { text: ' '.repeat(4 * 1024 * 1024 + 1) }, /answers with more than 4194304 bytes$/],
])('%s is an error that names the member', async (_, answer, sentence) => {
  const { member, name } = await memberWith(answer)
  const error = await member.state().catch((one) => one)
  expect(error).toBeInstanceOf(KvsError)
  expect(error.code).toBe('cannot_forward')
  expect(error.message).toMatch(sentence)
  expect(error.message).toContain(name)
})

test('a member that is not there is named', async () => {
  const target = targetAt('127.0.0.1:1')
  closing.push(() => target.dispatcher.destroy())
  await expect(makeHttpMember(target, undefined).state()).rejects.toMatchObject({
    code: 'cannot_forward',
    message: 'the ring needs 127.0.0.1:1: nothing listens at 127.0.0.1:1: is the node running there?',
  })
})
