import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'

type Line = Readonly<Record<string, unknown>>

const linesOf = (node: Node): Line[] =>
  node
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line))
const requests = (node: Node) => linesOf(node).filter(({ msg }) => msg === 'request' || msg === 'slow request')
const debug = { LOG_LEVEL: 'debug', LOG_FORMAT: 'json' }
const [traceId, parentId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
const traceparent = `00-${traceId}-${parentId}-01`

test('each request has a line, with fields of its own, and no secret in it', async () => {
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment((await makeDatabase()).target), ...debug })
  const secrets = ['geheim-value', 'geheim-token', 'geheim-query', 'geheim-idempotency', 'geheim-type']
  const headers = { Authorization: 'Bearer geheim-token', Cookie: 'geheim-token', 'X-Other': 'geheim-token' }
  const put = { method: 'PUT', body: 'geheim-value', headers: { ...headers, 'Content-Type': 'geheim-type/a' } }
  await fetch(`${node.url}/v1/a%20b`, put)
  await fetch(`${node.url}/v1/a%20b`, { headers })
  await fetch(`${node.url}/v1/a%20b?geheim-query`, { headers })
  await fetch(`${node.url}/v1/none`, { headers })
  await fetch(`${node.url}/v1/a%20b`, { method: 'DELETE', headers: { 'Idempotency-Key': 'geheim-idempotency' } })
  await fetch(`${node.url}/nowhere?geheim-query`, { headers })
  await fetch(`${node.url}/v1/`, { method: 'PATCH', headers })
  await fetch(`${node.url}/kvs/c`, { method: 'PUT', body: '{"value":"geheim-value"}' })
  await fetch(`${node.url}/kvs/c`, { method: 'PUT', body: '{"geheim-value":1}' })
  await until('all are there', () => requests(node).some(({ key, status }) => key === 'c' && status === 400))
  const seen = requests(node)
    .filter(({ path }) => path !== '/readyz')
    .map(({ level, time: _, ms, msg, ...rest }) => {
      expect([level, msg]).toEqual([20, 'request'])
      expect(ms).toBeGreaterThan(0)
      return rest
    })
  expect(seen).toEqual([
    { method: 'PUT', key: 'a b', status: 201, bytes: 12, sequence: 1 },
    { method: 'GET', key: 'a b', status: 200, bytes: 12 },
    { method: 'GET', key: 'a b', status: 400, code: 'bad_request' },
    { method: 'GET', key: 'none', status: 404, code: 'no_such_key' },
    { method: 'DELETE', key: 'a b', status: 200, sequence: 2 },
    { method: 'GET', path: '/nowhere', status: 404, code: 'no_such_page' },
    { method: 'PATCH', path: '/v1/', status: 405, code: 'method_not_allowed' },
    { method: 'PUT', key: 'c', status: 201, bytes: 14, sequence: 3 },
    { method: 'PUT', key: 'c', status: 400, code: 'bad_request' },
  ])
  for (const secret of secrets) expect(node.output()).not.toContain(secret)
})

test('a slow request is told of at any level, with what it waited for', async () => {
  const database = await makeDatabase()
  const env = { ...toEnvironment(database.target), LOG_FORMAT: 'json', KVS_SLOW_REQUEST: '500ms' }
  const node = await startReadyNode(makeDirectory(), env)
  const quick = await fetch(`${node.url}/livez`)
  const client = await database.connect()
  await client.query('BEGIN')
  await client.query('SELECT * FROM log_head FOR UPDATE')
  const written = fetch(`${node.url}/v1/a`, { method: 'PUT', body: 'geheim' })
  await until('it waits', async () => {
    const [row] = await database.sql<{ waiting: number }>(
      "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )
    return row?.waiting === 1
  })
  const since = performance.now()
  await until('it has waited', () => performance.now() - since > 600)
  await client.query('COMMIT')
  expect([quick.status, (await written).status]).toEqual([200, 201])
  const [line] = await until('it is told', () => requests(node).length > 0 && requests(node))
  expect(line).toMatchObject({ level: 40, method: 'PUT', key: 'a', status: 201, sequence: 1, waitedFor: 'log' })
  expect(line?.ms).toBeGreaterThan(500)
  expect(requests(node)).toHaveLength(1)
  expect(node.output()).not.toContain('geheim')
})

test('the trace that a request tells is in its line; one that is none is not, and a 5xx has an id to look for', async () => {
  const node = await startNode(makeDirectory(), { POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1', ...debug })
  await fetch(`${node.url}/livez`, { headers: { traceparent } })
  await fetch(`${node.url}/livez?2`, { headers: { traceparent: traceparent.toUpperCase() } })
  const known = await fetch(`${node.url}/v1/a`, { headers: { traceparent } })
  const unknown = await fetch(`${node.url}/v1/b`)
  const made = unknown.headers.get('x-request-id')
  expect([known.status, known.headers.get('x-request-id')]).toEqual([503, traceId])
  expect(made).toMatch(/^[0-9a-f]{32}$/)
  const [first, second, third, fourth] = await until(
    'they are told',
    () => requests(node).length === 4 && requests(node),
  )
  expect(first).toMatchObject({ traceId, parentId })
  expect(second).not.toHaveProperty('traceId')
  expect(third).toMatchObject({ key: 'a', code: 'not_ready', traceId, parentId })
  expect(fourth).toMatchObject({ key: 'b', code: 'not_ready', traceId: made })
})

test('a forwarding node hands the trace on, as the parent, and begins one where there is none', async () => {
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment((await makeDatabase()).target), ...debug })
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node.url).host, ...debug })
  await fetch(`${forwarder.url}/v1/a`, { method: 'PUT', body: '1', headers: { traceparent } })
  await fetch(`${forwarder.url}/v1/b`, {
    method: 'PUT',
    body: '1',
    headers: { traceparent: 'none', tracestate: 'x=1' },
  })
  const own = await until('both are told', () => requests(forwarder).length === 2 && requests(forwarder))
  const its = await until('both are told there', () => {
    const puts = requests(node).filter(({ method }) => method === 'PUT')
    return puts.length === 2 && puts
  })
  expect(own[0]).toMatchObject({ path: '/v1/a', status: 201, traceId, parentId })
  expect(its[0]).toMatchObject({ key: 'a', traceId, parentId: own[0]?.spanId })
  expect(own[1]).not.toHaveProperty('parentId')
  expect(its[1]).toMatchObject({ key: 'b', traceId: own[1]?.traceId, parentId: own[1]?.spanId })
})
