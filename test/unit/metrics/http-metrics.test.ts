import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { KvsError } from '../../../kvs/core/errors.ts'
import { scrape } from '../../support/scrape.ts'
import { until } from '../../support/until.ts'
import { makeFakeFeed, makeFakeSite } from '../http/fake-site.ts'
import { serve } from '../http/serve.ts'

const count = 'kvs_http_request_duration_seconds_count'

test('requests are counted by route, method and status, with what they took', async () => {
  const server = await serve()
  for (let n = 0; n < 7; n++) await fetch(`${server.url}/v1/${n}`, { method: 'PUT', body: 'x' })
  for (let n = 0; n < 3; n++) await fetch(`${server.url}/v1/${n}`)
  await fetch(`${server.url}/v1/none`)
  await fetch(`${server.url}/v1/100%`)
  await fetch(`${server.url}/kvs/a`, { method: 'PUT', body: '{"value":1}' })
  await fetch(`${server.url}/readyz`)
  await fetch(`${server.url}/v1/`)
  server.store.failure = new KvsError('log_down')
  await fetch(`${server.url}/v1/a`, { method: 'PUT', body: 'x' })
  const { value } = await scrape(server)
  expect(value(count, { route: '/v1/*', method: 'PUT', status: '201' })).toBe(7)
  expect(value(count, { route: '/v1/*', method: 'PUT', status: '503' })).toBe(1)
  expect(value(count, { route: '/v1/*', method: 'GET', status: '200' })).toBe(3)
  expect(value(count, { route: '/v1/*', method: 'GET', status: '404' })).toBe(1)
  expect(value(count, { route: '/v1/*', method: 'GET', status: '400' })).toBe(1)
  expect(value(count, { route: '/kvs/*', method: 'PUT', status: '201' })).toBe(1)
  expect(value(count, { route: '/readyz', method: 'GET', status: '200' })).toBe(1)
  expect(value(count, { route: 'other', method: 'GET', status: '405' })).toBe(1)
  const puts = { route: '/v1/*', method: 'PUT', status: '201' }
  expect(value('kvs_http_request_duration_seconds_bucket', { ...puts, le: '+Inf' })).toBe(7)
  expect(value('kvs_http_request_duration_seconds_sum', puts)).toBeGreaterThan(0)
})

test('a feed is in flight as long as it goes on, and no request that took so long; one that is refused is a request', async () => {
  const feed = makeFakeFeed()
  const ending = Promise.withResolvers<undefined>()
  feed.open = async () => ({
    stopping: new AbortController().signal,
    next: () => ending.promise,
    close: () => undefined,
  })
  const server = await serve({ site: makeFakeSite(undefined, feed) })
  const answer = await fetch(`${server.url}/sites/log?site=b`)
  expect((await scrape(server)).value('kvs_http_requests_in_flight')).toBe(2)
  ending.resolve(undefined)
  await answer.text()
  feed.open = () => Promise.reject(new KvsError('went_back'))
  await fetch(`${server.url}/sites/log?site=b`)
  await until('it is over', async () => (await scrape(server)).value('kvs_http_requests_in_flight') === 1)
  const { families } = await scrape(server)
  const samples = families.get('kvs_http_request_duration_seconds')?.samples ?? []
  const counted = samples.filter(({ labels }) => labels.route === '/sites/log').map(({ labels }) => labels.status)
  expect([...new Set(counted)]).toEqual(['409'])
})

test('a thousand odd requests make no more series than a few, and none with their keys', async () => {
  const server = await serve({ maxHeaderBytes: 8_192 })
  const methods = ['GET', 'PUT', 'DELETE', 'HEAD', 'PROPFIND', 'PATCH', 'M-SEARCH', 'REPORT', 'OPTIONS', 'TRACE']
  const paths = ['/v1/', '/kvs/', '/', '/livez/', '/metrics/', '/%zz/', '/v2/']
  const odd = Array.from(
    { length: 1_000 },
    (_, n) => `${methods[n % methods.length]} ${paths[n % paths.length]}odd${n} HTTP/1.1\r\nHost: x\r\n\r\n`,
  )
  await server.raw(...odd, 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  const { families, value } = await scrape(server)
  expect(value(count)).toBe(1_001)
  expect(value('kvs_http_requests_in_flight')).toBe(1)
  const series = [...families.values()].filter(({ name }) => name.startsWith('kvs_')).flatMap(({ samples }) => samples)
  const ids = new Set(series.map(({ labels }) => JSON.stringify([labels.route, labels.method, labels.status])))
  expect(ids.size).toBeLessThan(20)
  expect(JSON.stringify(series)).not.toMatch(/odd|PROPFIND|zz/)
})

test('connections, requests in flight, and those whose client is gone', async () => {
  const server = await serve()
  const socket = connect(server.port, '127.0.0.1')
  socket.write('PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
  await until('it is in flight', async () => (await scrape(server)).value('kvs_http_requests_in_flight') === 2)
  expect((await scrape(server)).value('kvs_http_connections')).toBeGreaterThanOrEqual(2)
  socket.destroy()
  const aborted = { route: '/v1/*', method: 'PUT', status: 'aborted' }
  await until('it is counted', async () => (await scrape(server)).value(count, aborted) === 1)
  expect((await scrape(server)).value('kvs_http_requests_in_flight')).toBe(1)
})

test('pipelined requests are counted, also where the connection breaks behind the first', async () => {
  const server = await serve()
  const socket = connect(server.port, '127.0.0.1')
  const gets = 'GET /v1/a HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3)
  socket.write(`PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789${gets}`)
  await until('they are counted', async () => {
    const { value } = await scrape(server)
    return (
      value(count, { route: '/v1/*', method: 'GET' }) === 3 && value(count, { route: '/v1/*', method: 'PUT' }) === 1
    )
  })
  socket.write(`PUT /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf`)
  await until('it is in flight', async () => (await scrape(server)).value('kvs_http_requests_in_flight') === 2)
  socket.resetAndDestroy()
  await until('none is', async () => (await scrape(server)).value('kvs_http_requests_in_flight') === 1)
})

test('answers that wait for a client to read are in flight, until it does or is gone', async () => {
  const server = await serve({ maxValueBytes: 8_000_000, maxWaitingBytes: 40_000_000 })
  await fetch(`${server.url}/v1/large`, { method: 'PUT', body: Buffer.alloc(8_000_000) })
  const socket = connect(server.port, '127.0.0.1').pause()
  const inFlight = async () => (await scrape(server)).value('kvs_http_requests_in_flight')
  // The second is answered while the first is not out, and has no connection of its own yet
  for (const waiting of [1, 2]) {
    socket.write('GET /v1/large HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('it waits', async () => (await inFlight()) === 1 + waiting)
  }
  socket.destroy()
  await until('none does', async () => (await inFlight()) === 1)
  expect((await scrape(server)).value(count, { route: '/v1/*', method: 'GET', status: 'aborted' })).toBe(2)
})

test('what the parser gives up on, and connections past the bound', async () => {
  const server = await serve({ maxConnections: 2 })
  await server.raw('no http\r\n\r\n')
  await server.raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`)
  const { value } = await scrape(server)
  expect(value('kvs_http_unparsed_requests_total', { code: 'bad_request' })).toBe(1)
  expect(value('kvs_http_unparsed_requests_total', { code: 'headers_too_large' })).toBe(1)
  const sockets = Array.from({ length: 6 }, () => connect(server.port, '127.0.0.1').on('error', () => undefined))
  await until('one is refused', () => sockets.some(({ closed, destroyed }) => closed || destroyed))
  for (const socket of sockets) socket.destroy()
  await until('it is counted', async () => {
    const refused = (await scrape(server).catch(() => undefined))?.value('kvs_http_connections_refused_total')
    return refused !== undefined && refused > 0
  })
})
