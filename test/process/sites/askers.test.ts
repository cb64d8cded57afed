import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { until } from '../../support/until.ts'

const secretOf = (name: string) => `${name}-0123456789abcdef`
const environmentOf = ({ target }: Database, env: Record<string, string> = {}) => ({
  ...toEnvironment(target),
  ...{ KVS_PEERS: '127.0.0.1:1', ...env },
})

/** A feed whose answer is read by hand, or not at all. */
function askByHand({ url }: Pick<Node, 'url'>, path = '/sites/log?site=asker'): Socket & { text(): string } {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
  onTestFinished(() => void socket.destroy())
  return Object.assign(socket, { text: () => text })
}

const readers = async (database: Database) => {
  const sql = `SELECT count(*)::int AS count FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE '%reader%'`
  return (await database.sql<{ count: number }>(sql))[0]?.count ?? 0
}

test('a feed takes the right replicate to all keys, and a query that reads', async () => {
  const tokens = [
    `site:replicate:${secretOf('site')}`,
    `part:replicate:${secretOf('part')}:a/`,
    `client:read+write:${secretOf('client')}`,
  ]
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), environmentOf(database, { KVS_TOKENS: tokens.join('\n') }))
  async function ask(token: string | undefined, query: string, method = 'GET') {
    const ending = new AbortController()
    const headers = token === undefined ? {} : { authorization: `Bearer ${secretOf(token)}` }
    const answer = await fetch(`${node.url}/sites/log?${query}`, { method, headers, signal: ending.signal })
    const text = answer.status === 200 ? '' : await answer.text()
    ending.abort()
    return `${answer.status} ${text}`
  }
  expect(await ask(undefined, 'site=a')).toMatch(/^401 /)
  expect(await ask('client', 'site=a')).toMatch(/^403 .*replicate/)
  expect(await ask('part', 'site=a')).toMatch(/^403 .*the token has prefixes/)
  expect(await ask('site', 'site=a')).toBe('200 ')
  expect(await ask('site', 'site=a', 'POST')).toMatch(/^405 /)
  expect(await ask('site', 'site=a', 'HEAD')).toMatch(/^(200|405) /)
  for (const query of ['', 'site=', 'site=%20', 'site=a&site=b', 'site=a&x=1', `site=${'a'.repeat(65)}`]) {
    expect(await ask('site', query), query).toMatch(/^400 .*[a-z]/)
  }
  const parts = Array.from({ length: 101 }, (_, index) => `l${index}=1`).join(',')
  for (const name of ['have', 'stamps', 'after']) {
    for (const value of ['x', 'a=-1', 'a=1;b=2', parts]) {
      expect(await ask('site', `site=a&${name}=${value}`)).toMatch(new RegExp(`^400 .*${name} has to be a position`))
    }
  }
  const { log_id: logId = '' } = (await database.sql<{ log_id: string }>('SELECT log_id FROM log_head'))[0] ?? {}
  expect(await ask('site', `site=a&have=${logId}=9`)).toMatch(/^409 .*it has no such entry/)
  await until('no feed keeps a connection', async () => (await readers(database)) === 0)
}, 90_000)

test('16 feeds are served at once, one more is refused, and a stop waits for none, nor for one that is not read', async () => {
  const server = await startPostgres({ max_connections: '40' })
  const settings = { KVS_PEERS: '127.0.0.1:1', KVS_SHUTDOWN_TIMEOUT: '30s' }
  const node = await startReadyNode(makeDirectory(), { ...server.environment, ...settings })
  const feeds = Array.from({ length: 16 }, () => askByHand(node))
  await until('all are answered', () => feeds.every((feed) => feed.text().includes('HTTP/1.1')))
  expect(feeds.filter((feed) => !feed.text().includes('200 OK'))).toEqual([])
  expect((await fetch(`${node.url}/sites/log?site=asker`)).status).toBe(503)
  feeds[0]?.destroy()
  await until('there is room', async () => {
    const feed = askByHand(node)
    await until('it is answered', () => feed.text().includes('HTTP/1.1 '))
    return feed.text().includes('200 OK')
  })
  const value = 'x'.repeat(1_000_000)
  feeds[1]?.pause()
  for (let number = 0; number < 12; number++) await fetch(`${node.url}/v1/k`, { method: 'PUT', body: value })
  await until('others have it', () => (feeds[2]?.text().length ?? 0) > 12_000_000)
  const begun = Date.now()
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
  expect(Date.now() - begun).toBeLessThan(8_000)
  expect(feeds[2]?.text()).toContain('the node stops')
}, 120_000)

test('a feed that is not read holds little, and ends with KVS_IDLE_TIMEOUT', async () => {
  const database = await makeDatabase()
  const node = await startReadyNode(
    makeDirectory(),
    environmentOf(database, { KVS_IDLE_TIMEOUT: '2s', KVS_APPEND_TIMEOUT: '1s', KVS_WAIT_TIMEOUT: '1s' }),
  )
  const feed = askByHand(node)
  feed.pause()
  for (let number = 0; number < 20; number++) {
    await fetch(`${node.url}/v1/k`, { method: 'PUT', body: 'x'.repeat(1_000_000) })
  }
  await until('it has ended', async () => (await readers(database)) === 0)
}, 60_000)

test('before it has replayed its log, and while that is down, a node feeds nobody; it does again by itself', async () => {
  const server = await startPostgres()
  const node = await startNode(makeDirectory(), { ...server.environment, KVS_PEERS: '127.0.0.1:1' })
  /** Status of a feed that is asked for now. */
  async function ask(): Promise<number> {
    const feed = askByHand(node)
    const answer = /^HTTP\/1.1 (\d+)/
    await until('it is answered', () => answer.test(feed.text()))
    feed.destroy()
    const status = Number(answer.exec(feed.text())?.[1])
    expect([200, 503]).toContain(status)
    return status
  }
  await until('it feeds', async () => (await ask()) === 200)
  const feed = askByHand(node)
  await until('it is served', () => feed.text().includes('200 OK'))
  await server.stop()
  await until('the feed has ended', () => feed.text().endsWith('0\r\n\r\n'))
  expect(await ask()).toBe(503)
  await server.start()
  await until('it feeds again', async () => (await ask()) === 200)
}, 90_000)
