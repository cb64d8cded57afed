import { execFileSync } from 'node:child_process'
import { expect, onTestFailed, test } from 'vitest'
import { feedType } from '../../../kvs/kv/index.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { type Answer, bytesOf, entryAt, feedOf, hello, reachedAt, startHostilePeer } from './hostile-peer.ts'

const answers =
  (status: number, body = '', headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, headers).end(body)
  }
const head = (length: number, type: number) => {
  const bytes = Buffer.alloc(5)
  bytes.writeUInt32LE(length)
  bytes[4] = type
  return bytes
}
const endless: Answer = (response) => {
  response.writeHead(200, { 'Content-Type': feedType })
  response.write(bytesOf(hello))
  response.write(head(100_000_000, 2))
  const chunk = Buffer.alloc(64 * 1024, 1)
  const send = () => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', send)
  send()
}
const many = (count: number) => Array.from({ length: count }, (_, index) => entryAt(index + 1, `k${index}`))
const html = '<!DOCTYPE html><title>Welcome to nginx!</title>'

/** What a peer does, and what the node says of it. */
const misdeeds: readonly [what: string, answer: Answer, reason: RegExp][] = [
  ['resets each connection', (response) => response.destroy(), /./],
  [
    'answers with a page',
    answers(200, html, { 'Content-Type': 'text/html' }),
    /answers with text\/html, not with a log/,
  ],
  ['redirects', answers(302, '', { Location: 'http://127.0.0.1:1/' }), /answers 302/],
  ['refuses the token', answers(401, 'no token'), /answers 401: no token/],
  ['refuses the right', answers(403, 'no right'), /answers 403: no right/],
  [
    'is no node',
    answers(404, 'x'.repeat(100_000)),
    /answers 404: x{300}; is KVS_PEERS set there\? Is it of this version\?$/,
  ],
  ['says that it went back', answers(409, 'went back'), /answers 409: went back/],
  ['is overloaded', answers(503, 'too many'), /answers 503: too many/],
  ['sends garbage', feedOf(Buffer.from(html)), /frame 1: the frame is of an unknown type: 67/],
  [
    'sends a frame of a huge length',
    feedOf(bytesOf(hello), head(2 ** 32 - 1, 2)),
    /the entry has 4294967295 bytes; at most/,
  ],
  ['sends a frame of another version', feedOf(Buffer.from([3, 0, 0, 0, 1, 9, 9])), /frame 1: .*version/],
  ['sends a frame that does not end', endless, /./],
  ['begins with an entry', feedOf(bytesOf(entryAt(1, 'k'))), /the first frame is no hello: entry/],
  [
    'sends entries out of order',
    feedOf(bytesOf(hello, entryAt(2, 'a'), entryAt(1, 'b'))),
    /the sequence 1 comes after 2/,
  ],
  ['sends 20,001 entries at once', feedOf(bytesOf(hello, ...many(20_001))), /the batch has more than 20000 entries/],
  [
    'skips entries',
    feedOf(bytesOf({ ...hello, after: 5n } as typeof hello, reachedAt(5))),
    /the other site skips entries/,
  ],
  [
    'breaks off',
    (response) => feedOf(bytesOf(hello).subarray(0, 9))(response, response.req) ?? response.end(),
    /inside of a frame/,
  ],
]

const peerOf = async ({ url }: Pick<Node, 'url'>) => {
  const { sites } = (await (await fetch(`${url}/readyz`)).json()) as {
    sites: { peers: { state: string; reason: string }[] }
  }
  return sites.peers[0]
}
const memoryOf = ({ process }: Pick<Node, 'process'>) =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(process.pid)]).toString()) / 1024

test('whatever a peer does, the node serves, says what is wrong once, and follows when the peer is well again', async () => {
  const database = await makeDatabase()
  const peer = await startHostilePeer()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(database.target), KVS_PEERS: peer.address })
  const before = memoryOf(node)
  onTestFailed(() => console.error(node.output()))
  for (const [what, answer, reason] of misdeeds) {
    const { requests } = peer
    peer.set(answer)
    await until(`the node says that the peer ${what}`, async () => {
      const status = await peerOf(node)
      // The third request comes after the second failure.
      return peer.requests > requests + 2 && (what.includes('does not end') || reason.test(status?.reason ?? ''))
    })
    expect((await fetch(`${node.url}/v1/k`, { method: 'PUT', body: what })).status).toBeLessThan(300)
    const { pattern, most } = reason.source === '.' ? { pattern: /^$/, most: 0 } : { pattern: reason, most: 1 }
    const messages = node
      .output()
      .split('\n')
      .filter((line) => line.includes('cannot follow'))
    const said = messages.filter((line) => pattern.test((JSON.parse(line) as { msg: string }).msg))
    expect(said, `${what}: said once`).toHaveLength(most)
  }
  expect(memoryOf(node) - before).toBeLessThan(500)
  peer.set(feedOf(bytesOf(hello, entryAt(1, 'good'), reachedAt(1))))
  await until('the entry is taken over', async () => (await fetch(`${node.url}/v1/good`)).status === 200)
  expect(await peerOf(node)).toMatchObject({ state: 'following', reason: null })
  expect((await fetch(`${node.url}/v1/k`)).status).toBe(200)
}, 180_000)

test('a site’s own entries do not come back, and a stamp far in the future is told of', async () => {
  const database = await makeDatabase()
  const peer = await startHostilePeer()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(database.target), KVS_PEERS: peer.address })
  await fetch(`${node.url}/v1/mine`, { method: 'PUT', body: 'mine' })
  const [row] = await database.sql<{ log_id: string }>('SELECT log_id FROM log_head')
  peer.set(feedOf(bytesOf(hello, entryAt(1, 'mine', { logId: row?.log_id ?? '', stamp: 1 }), reachedAt(1))))
  // The sequence in its log is another one's, so it is the frame's origin that is wrong.
  await until('it says so', async () => /sends this site’s entries/.test((await peerOf(node))?.reason ?? ''))
  const stamp = Date.UTC(2100, 0, 1) * 1_000
  peer.set(feedOf(bytesOf(hello, entryAt(1, 'far', { stamp }), reachedAt(1))))
  await until('the entry is taken over', async () => (await fetch(`${node.url}/v1/far`)).status === 200)
  expect(node.output()).toContain('sends entries from 2100-01-01T00:00:00.000Z: a clock is wrong somewhere')
  expect((await fetch(`${node.url}/v1/far`, { method: 'PUT', body: 'newer' })).status).toBeLessThan(300)
  expect(await (await fetch(`${node.url}/v1/far`)).text()).toBe('newer')
  expect(await (await fetch(`${node.url}/v1/mine`)).text()).toBe('mine')
  peer.set(feedOf(bytesOf(hello, entryAt(2, 'z', { stamp: Date.UTC(2300, 0, 1) * 1_000 }), reachedAt(2))))
  await until('it says so', async () => /stamp/.test((await peerOf(node))?.reason ?? ''))
}, 90_000)
