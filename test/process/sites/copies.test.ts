import { expect, test } from 'vitest'
import type { Answer, Call } from '../../support/client.ts'
import { makeDirectory, startNode } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { get, put } from './requests.ts'
import { type Site, startSites } from './sites.ts'

/** Long enough that no wait ends by itself, and short enough for a wait that is to. */
const [long, brief] = ['60s', '1500ms']
/** What was opened while the way was cut may hang for ten seconds, and for longer on a busy machine. */
const healedMs = 90_000
const copiesEnv = (copies: number, timeout: string) => ({
  ...{ KVS_MIN_COPIES: String(copies), KVS_APPEND_TIMEOUT: timeout },
  ...{ KVS_IDLE_TIMEOUT: '120s', KVS_SLOW_REQUEST: 'never' },
})

const copiesOf = ({ status, headers }: Answer) => [status, headers['kvs-copies']]

/** The values of a key in a site's log, oldest first; null is a delete. */
async function valuesIn({ database }: Site, key: string): Promise<(string | null)[]> {
  const rows = await database.sql(
    `SELECT convert_from(value, 'UTF8') AS value FROM transactions WHERE key = '${key}' ORDER BY sequence`,
  )
  return rows.map((row) => (row as { value: string | null }).value)
}

/** Whether a promise has settled. */
function watch(promise: Promise<unknown>) {
  const watched = { isSettled: false }
  const note = () => {
    watched.isSettled = true
  }
  promise.then(note, note)
  return watched
}

test('a write is answered once the other log has it, and not before, whatever the dialect', async () => {
  const { sites, cut, heal } = await startSites(2, { env: { ...copiesEnv(2, long), KVS_ALLOW_CLEAR: 'true' } })
  const [a, b] = sites as [Site, Site]
  expect(copiesOf(await put(a, 'first', 'x'))).toEqual([201, '2'])
  cut(1, 0)
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const calls: [expected: number, key: string, call: Call][] = [
    [201, 'put', { method: 'PUT', path: '/v1/put', body: 'put' }],
    [200, 'del', { method: 'DELETE', path: '/v1/del' }],
    [201, 'cond', { method: 'PUT', path: '/v1/cond', body: 'cond', headers: { 'If-None-Match': '*' } }],
    [200, 'count', { method: 'POST', path: '/v1/count?add=2' }],
    [200, 'tx', { method: 'POST', path: '/v1/:', body: '{"if":[],"do":[{"put":"tx","value":"tx"}]}' }],
    [200, 'first', { method: 'DELETE', path: '/v1/first:' }],
    [201, 'json', { method: 'PUT', path: '/kvs/json', body: '{"value":1}' }],
    [200, 'form', { method: 'PUT', path: '/keyValue-store/form', body: 'val=form&payload=', headers: form }],
  ]
  const asked = calls.map(([, , call]) => a.ask(call))
  const watched = asked.map(watch)
  for (const [, key] of calls) {
    const before = key === 'first' ? 1 : 0
    await until(`a has ${key}`, async () => (await valuesIn(a, key)).length > before)
  }
  expect(await get(a, 'put')).toMatchObject({ status: 200, body: 'put' })
  expect(watched.map(({ isSettled }) => isSettled)).toEqual(calls.map(() => false))
  heal()
  for (const [at, [expected, key]] of calls.entries()) {
    expect([key, ...copiesOf((await asked[at]) as Answer)]).toEqual([key, expected, '2'])
    expect(await valuesIn(b, key)).toEqual(await valuesIn(a, key))
  }
  const failed = await a.ask({ method: 'PUT', path: '/v1/cond', body: 'x', headers: { 'If-None-Match': '*' } })
  expect(copiesOf(failed)).toEqual([412, undefined])
})

test('cut off, a write is 202 with one copy, and its repetition waits again and is 201', {
  timeout: 2 * healedMs + 60_000,
}, async () => {
  const { sites, cut, heal } = await startSites(2, { env: copiesEnv(2, brief) })
  const [a, b] = sites as [Site, Site]
  cut(0, 1)
  cut(1, 0)
  const call = { method: 'PUT', path: '/v1/k', body: 'v', headers: { 'Idempotency-Key': 'once' } }
  const first = await a.ask(call)
  expect(copiesOf(first)).toEqual([202, '1'])
  expect(first.headers).toMatchObject({ etag: expect.any(String), 'kvs-position': expect.any(String) })
  expect(first.headers['kvs-durability']).toBe(undefined)
  const json = await a.ask({ method: 'PUT', path: '/kvs/j', body: '{"value":1}' })
  expect([...copiesOf(json), json.body]).toEqual([202, '1', '{"result":"created"}'])
  expect((await a.ask({ path: '/metrics' })).body).toContain('\nkvs_site_short_writes_total 2\n')
  expect(await valuesIn(b, 'k')).toEqual([])
  heal()
  const repeat = async () => {
    const answer = await a.ask(call)
    return answer.status === 201 && answer
  }
  const again = await until('the repetition has its copies', repeat, healedMs)
  expect(again.headers).toMatchObject({ 'kvs-copies': '2', etag: first.headers.etag })
  expect(await valuesIn(b, 'k')).toEqual(['v'])
})

test('of three sites, the one that lacks the write does not count, though it can be asked', {
  timeout: 2 * healedMs + 60_000,
}, async () => {
  const { sites, cut, heal } = await startSites(3, { env: copiesEnv(3, brief) })
  const [a] = sites as [Site]
  cut(2, 0)
  cut(2, 1)
  const counted = (expected: string) => async () => copiesOf(await put(a, 'k', 'v')).join() === expected
  await until('one of them has it', counted('202,2'), healedMs)
  heal()
  await until('all have it', counted('201,3'), healedMs)
})

test('two nodes of one site are one copy', async () => {
  const { sites } = await startSites(2, { nodesEach: 2, env: copiesEnv(3, long) })
  const [a, b] = sites as [Site, Site]
  for (let number = 0; number < 10; number++) {
    expect(copiesOf(await put(a, `k${number}`, 'v', undefined, number % 2))).toEqual([202, '2'])
    expect(await valuesIn(b, `k${number}`)).toEqual(['v'])
  }
  expect(a.nodes[0]?.output()).toContain('KVS_MIN_COPIES is 3, and the group has 2 logs at most')
})

test('what was answered 201 is at the other site when the first one is gone for good', async () => {
  const { sites } = await startSites(2, { env: copiesEnv(2, long) })
  const [a, b] = sites as [Site, Site]
  const kept: string[] = []
  let number = 0
  async function writeOn(): Promise<void> {
    for (;;) {
      const key = `k${number++}`
      const answer = await put(a, key, key).catch(() => undefined)
      if (answer === undefined) return
      if (answer.status === 201) kept.push(key)
    }
  }
  const writers = Array.from({ length: 20 }, writeOn)
  await until('many are kept', () => kept.length >= 300)
  a.nodes[0]?.kill('SIGKILL')
  await a.nodes[0]?.ended
  a.logDown()
  await Promise.all(writers)
  for (const key of kept) expect(await get(b, key)).toMatchObject({ status: 200, body: key })
})

test('a spooled write has no copy, and a node that stops has its writes wait no longer', async () => {
  const { sites, cut } = await startSites(2, { env: copiesEnv(2, long) })
  const [a] = sites as [Site]
  cut(0, 1)
  const waiting = put(a, 'k', 'v')
  await until('it is in the log', async () => (await valuesIn(a, 'k')).length > 0)
  a.nodes[0]?.kill('SIGTERM')
  expect(copiesOf(await waiting)).toEqual([202, '1'])
  expect(await a.nodes[0]?.ended).toBe(0)
  await a.start(0)
  a.logDown()
  const spooled = await put(a, 'other', 'v')
  expect([...copiesOf(spooled), spooled.headers['kvs-durability']]).toEqual([202, '0', 'spooled'])
})

test('a forwarding node hands on what it gets', async () => {
  const { sites, cut } = await startSites(2, { env: copiesEnv(2, brief) })
  const [a] = sites as [Site]
  const FORWARDING_ADDRESS = (a.nodes[0]?.url ?? '').replace('http://', '')
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS })
  const send = async (key: string) => {
    const answer = await fetch(`${forwarder.url}/v1/${key}`, { method: 'PUT', body: 'v' })
    return [answer.status, answer.headers.get('kvs-copies'), answer.headers.has('etag')]
  }
  await until('b follows a', async () => (await send('first'))[0] === 201)
  expect(await send('k')).toEqual([201, '2', true])
  cut(0, 1)
  cut(1, 0)
  expect(await send('other')).toEqual([202, '1', true])
})

test('a site that was taken out is no copy any more, and is not waited for', async () => {
  const { sites } = await startSites(2, { env: copiesEnv(2, long) })
  const [a] = sites as [Site]
  expect(copiesOf(await put(a, 'k', 'v'))).toEqual([201, '2'])
  const { view } = JSON.parse((await a.ask({ path: '/view' })).body)
  const left = await a.ask({ method: 'DELETE', path: `/view?ip_port=${view}` })
  expect(left.status).toBe(200)
  expect(copiesOf(await put(a, 'k', 'v'))).toEqual([202, '1'])
})
