import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startNode } from '../../support/node.ts'
import { put } from '../../support/requests.ts'
import { until } from '../../support/until.ts'
import { startNodeOn, startThree } from './three.ts'

interface Shown {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Headers that are of the connection, or of the moment. */
const ofConnection = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length']

async function ask({ url }: { url: string }, path: string, init: RequestInit = {}): Promise<Shown> {
  const answer = await fetch(`${url}/v1/${path}`, init)
  const headers = [...answer.headers].filter(([name]) => !ofConnection.includes(name))
  return { status: answer.status, headers: Object.fromEntries(headers), body: await answer.text() }
}

const forwarderTo = ({ url }: Node, env: Record<string, string> = {}) =>
  startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(url).host, ...env })

const keys = ['a/1', 'a/2', 'a/b/3', 'ab', 'b/x/4', 'c', 'é', '\uffff', '🔑']
const paths = [
  ...[
    ':',
    'a:',
    'a/:',
    'a%2F:',
    'none:',
    ':?limit=2',
    ':?limit=2&after=a/2',
    ':?limit=9',
    ':?after=b',
    ':?delimiter=/',
  ],
  ...['a/:?delimiter=/', ':?delimiter=/&limit=1&after=a/', ':?count', 'a:?count', ':?values', 'a/:?values&limit=1'],
  ...[':?consistent', ':?what', ':?limit=0', '%FF:'],
]

test('three nodes and a forwarder list and clear the same', async () => {
  const { nodes } = await startThree({ KVS_ALLOW_CLEAR: 'true' })
  const [one, two, three] = nodes as [Node, Node, Node]
  const forwarder = await forwarderTo(three)
  for (const [at, key] of keys.entries()) await put(nodes[at % 3] as Node, encodeURIComponent(key), `value of ${key}`)

  for (const path of paths) {
    const first = await ask(one, `${path}${path.includes('?') ? '' : '?consistent'}`)
    const position = first.headers['kvs-position'] ?? ''
    for (const init of [{}, { method: 'HEAD' }, { headers: { accept: 'application/x-ndjson' } }] as RequestInit[]) {
      const headers = { ...init.headers, 'KVS-Min-Position': position }
      const answers = await Promise.all(
        [one, two, three, forwarder].map((node) => ask(node, path, { ...init, headers })),
      )
      for (const { headers, ...answer } of answers) {
        // Each node answers by way of its own log session, and a forwarder says that it has.
        const { via: _, 'x-request-id': __, ...told } = headers
        expect({ ...answer, headers: told }, path).toEqual(answers[0])
      }
    }
  }

  const cleared = await ask(forwarder, 'a:', { method: 'DELETE' })
  expect([cleared.status, cleared.headers['kvs-deleted']]).toEqual([200, '4'])
  for (const node of nodes) {
    const left = await ask(node, ':', { headers: { 'KVS-Min-Position': cleared.headers['kvs-position'] ?? '' } })
    expect(JSON.parse(left.body)).toEqual(keys.slice(4))
  }
  const clears = await Promise.all(nodes.map((node) => ask(node, ':', { method: 'DELETE' })))
  // Each key is deleted once, whichever node it is that does.
  expect(clears.reduce((sum, { headers }) => sum + Number(headers['kvs-deleted']), 0)).toBe(5)
  for (const node of nodes) expect((await ask(node, ':?consistent')).body).toBe('[]\n')
})

test('pages can be had from a node each, where the position goes along', async () => {
  const { nodes } = await startThree()
  const [one] = nodes as [Node]
  const all = Array.from({ length: 30 }, (_, n) => `k/${String(n).padStart(3, '0')}`)
  for (const key of all) await put(one, key, 'x')
  let [found, position, next]: [string[], string, string | undefined] = [[], '', 'k/:?limit=4&consistent']
  for (let turn = 0; next !== undefined; turn++) {
    const init: RequestInit = position === '' ? {} : { headers: { 'KVS-Min-Position': position } }
    const page: Shown = await ask(nodes[turn % 3] as Node, next, init)
    expect(page.status).toBe(200)
    found = [...found, ...JSON.parse(page.body)]
    position = page.headers['kvs-position'] ?? ''
    next = /^<\/v1\/(.*)>; rel="next"$/.exec(page.headers.link ?? '')?.[1]
  }
  expect(found).toEqual(all)
})

test('a token learns of no key outside its prefixes, on any node or through a forwarder', async () => {
  const token = (name: string, rights: string, prefixes: string) => `${name}:${rights}:${name.repeat(20)}:${prefixes}`
  const tokens = [
    `root:read+write+clear:${'root'.repeat(20)}`,
    token('team', 'read+write+clear', 'team/a/,team/b/'),
    token('one', 'read+write+clear', 'team/a/'),
    token('seer', 'read', 'team/a/'),
  ].join(' ')
  const database = await makeDatabase()
  const [node, other] = [
    await startNodeOn(database, { KVS_TOKENS: tokens }),
    await startNodeOn(database, { KVS_TOKENS: tokens }),
  ]
  const open = await forwarderTo(node)
  const locked = await forwarderTo(node, { KVS_TOKENS: tokens })
  const as = (name: string, init: RequestInit = {}) => ({
    ...init,
    headers: { authorization: `Bearer ${name.repeat(20)}` },
  })
  const write = async (key: string) =>
    expect((await ask(node, key, as('root', { method: 'PUT', body: 'x' }))).status).toBe(201)
  for (const key of ['team/a/1', 'team/a/2/x', 'team/b/1']) await write(key)

  const asked = [':', 'team/:', 'team/a/:', ':?count', ':?delimiter=/', 'team/:?delimiter=/', ':?limit=2', ':?limit=3']
  const refused = ['other/:', 'team/c:', 'team/c/:?count', 'x:', 'team/a:?limit=1&after=team/b/1']
  const everything = async () => {
    const told: string[] = []
    for (const name of ['team', 'one', 'seer']) {
      for (const path of [...asked, ...refused]) {
        const answers = await Promise.all([node, other, open].map((at) => ask(at, path, as(name))))
        told.push(...answers.map(({ status, body, headers }) => `${name} ${path} ${status} ${headers.link} ${body}`))
      }
    }
    return told
  }
  await until('both nodes have all', async () => (await ask(other, ':?count', as('root'))).body === '{"count":3}\n')
  const before = await everything()
  expect(before).toContain('team :?count 200 undefined {"count":3}\n')
  expect(before).toContain('one :?count 200 undefined {"count":2}\n')
  expect(before).toContain('team :?delimiter=/ 200 undefined ["team/"]\n')
  expect(before).toContain('one :?limit=2 200 undefined ["team/a/1","team/a/2/x"]\n')
  expect(before).toContain(
    'team :?limit=2 200 </v1/:?limit=2&after=team%2Fa%2F2%2Fx>; rel="next" ["team/a/1","team/a/2/x"]\n',
  )
  expect(before.filter((line) => / (?:other\/|x): 403 /.test(line))).toHaveLength(18)

  // Keys all around those that the tokens reach change nothing of what they are told.
  for (const key of ['a', 'other/1', 'team', 'team/a', 'team/a0', 'team/b', 'team/c/1', 'x', 'z']) await write(key)
  await until('both nodes have all', async () => (await ask(other, ':?count', as('root'))).body === '{"count":12}\n')
  expect(await everything()).toEqual(before)

  // A forwarder with tokens of its own passes on what the caller reaches all of, and no other.
  expect((await ask(locked, 'team/a/:', as('one'))).body).toBe('["team/a/1","team/a/2/x"]\n')
  for (const path of [':', 'team/:', 'team/a:', 'team/c/:'])
    expect((await ask(locked, path, as('one'))).status).toBe(403)

  for (const name of ['seer', 'one']) {
    expect((await ask(node, 'other/:', as(name, { method: 'DELETE' }))).status).toBe(403)
  }
  expect((await ask(node, ':', as('seer', { method: 'DELETE' }))).status).toBe(403)
  const cleared = await ask(open, ':', as('one', { method: 'DELETE' }))
  expect([cleared.status, cleared.headers['kvs-deleted']]).toEqual([200, '2'])
  const left = JSON.parse((await ask(node, ':', as('root'))).body)
  expect(left).toEqual(['a', 'other/1', 'team', 'team/a', 'team/a0', 'team/b', 'team/b/1', 'team/c/1', 'x', 'z'])
})
