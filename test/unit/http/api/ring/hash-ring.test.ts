import { expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { serve } from '../../serve.ts'
import { serveRing } from './ask.ts'

const dataOf = (...nodes: unknown[]) => ({ data: JSON.stringify({ nodes }) })
const node = (key: unknown, ip: unknown = '10.0.0.2:5000') => ({ ip, key })

test('the ring is shown, and is empty where there is none', async () => {
  const { get, ask, url } = await serveRing({}, makeFakeRing('a:1', [6_000, 'b:1'], [3_000, 'a:1']))
  const text = '{"ring":{"3000":"a:1","6000":"b:1"},"_sorted_keys":[3000,6000]}\n'
  expect(await get('/hash_ring')).toEqual([200, text])
  expect((await fetch(`${url}/hash_ring`)).headers.get('content-type')).toBe('application/json')
  expect(await ask('HEAD', '/hash_ring')).toEqual([200, ''])
  expect(await (await serveRing()).get('/hash_ring')).toEqual([200, '{"ring":{},"_sorted_keys":[]}\n'])
})

test('a ring is put in place of what there is, with positions as text and as numbers', async () => {
  const { post, get, ring } = await serveRing()
  const nodes = [node('3000', '172.23.0.3:5000'), node(0, 'https://b:443'), node(9_999, '172.23.0.3:5000')]
  expect(await post('/hash_ring', dataOf(...nodes))).toEqual([200, 'OK'])
  const positions = { '0': 'https://b:443', '3000': '172.23.0.3:5000', '9999': '172.23.0.3:5000' }
  expect(ring.asked).toEqual([['replace', positions]])
  expect(JSON.parse((await get('/hash_ring'))[1])).toEqual({ ring: positions, _sorted_keys: [0, 3_000, 9_999] })
})

test('a ring may have a node at every position', async () => {
  const { post, ring } = await serveRing({ maxWaitingBytes: 10_000_000 })
  const nodes = Array.from({ length: 10_000 }, (_, at) => node(at, 'a:1'))
  expect(await post('/hash_ring', dataOf(...nodes))).toEqual([200, 'OK'])
  expect(ring.current()?.positions.size).toBe(10_000)
})

test.each<[Record<string, string>, string]>([
  [{}, 'the ring is missing: send data={"nodes":'],
  [{ data: '' }, 'data is not JSON: '],
  [{ data: '{"nodes":[{"ip":"a:1"' }, 'data is not JSON: '],
  [{ data: '[]' }, 'data is an array, and is to be an object with nodes alone'],
  [{ data: '{}' }, 'data has no nodes, and is to have nodes alone'],
  [{ data: '{"nodes":[],"x":1}' }, 'data has "x", and is to have nodes alone'],
  [{ data: '{"nodes":{}}' }, 'data.nodes is an object, and is to be an array'],
  [{ data: '{"nodes":[],"nodes":[]}' }, 'data has the name "nodes" twice in one object'],
  [dataOf(), 'data.nodes is empty, and a ring has a node at least'],
  [dataOf(1), 'nodes[0] is a number, and is to be an object with ip and key'],
  [dataOf({ ip: 'a:1' }), 'nodes[0] has no key, and is to have ip and key'],
  [dataOf(node(1), node('1', 'b:1')), 'nodes[1].key is 1, where another node is already'],
  [dataOf(node(10_000)), 'nodes[0].key is "10000", and is to be a position from 0 to 9999'],
  [dataOf(node(-1)), 'nodes[0].key is "-1", and is to be a position'],
  [dataOf(node(1.5)), 'nodes[0].key is "1.5", and is to be a position'],
  [dataOf(node('')), 'nodes[0].key is "", and is to be a position'],
  [dataOf(node('01')), 'nodes[0].key is "01", and is to be a position'],
  [dataOf(node(null)), 'nodes[0].key is null, and is to be a position'],
  [dataOf(node(1, '10.0.0.2')), 'nodes[0].ip is "10.0.0.2", and is to be IP:PORT'],
  [dataOf(node(1, 7)), 'nodes[0].ip is a number, and is to be IP:PORT'],
  [{ ...dataOf(node(1)), x: '1' }, 'there is no parameter "x" here: data is taken'],
])('%j is refused', async (form, sentence) => {
  const { post, ring } = await serveRing()
  const [status, text] = await post('/hash_ring', form)
  expect([status, text.slice(0, sentence.length)]).toEqual([400, sentence])
  expect(text).toMatch(/; nothing was (done|changed|stored)\n$/)
  expect(ring.asked).toEqual([])
})

test('a node is added and removed, with GET and with POST', async () => {
  const { ask, get, ring } = await serveRing()
  expect(await get('/add_node/3000/10.0.0.2:5000')).toEqual([200, 'OK'])
  expect(await ask('POST', '/add_node/0/https%3A%2F%2F%5B%3A%3A1%5D:5000', '')).toEqual([200, 'OK'])
  expect(await get('/remove_node/10.0.0.2%3A5000')).toEqual([200, 'OK'])
  expect(await ask('POST', `/remove_node/${'a'.repeat(250)}:1`)).toEqual([200, 'OK'])
  expect(ring.asked).toEqual([
    ['add', [3_000, '10.0.0.2:5000']],
    ['add', [0, 'https://[::1]:5000']],
    ['remove', '10.0.0.2:5000'],
    ['remove', `${'a'.repeat(250)}:1`],
  ])
})

test.each([
  ['/add_node/10000/a:1', 400, 'the position is "10000", and is to be a number from 0 to 9999; nothing was changed\n'],
  ['/add_node/x/a:1', 400, expect.stringContaining('the position is "x"')],
  ['/add_node/1/a', 400, 'the address is "a", and is to be IP:PORT, such as 10.0.0.2:5000; nothing was changed\n'],
  ['/add_node/1/a:0', 400, expect.stringContaining('the address is "a:0"')],
  ['/add_node/1/%ff:1', 400, expect.stringContaining('the path is not percent-encoded UTF-8')],
  ['/add_node/1/a:1?x', 400, expect.stringContaining('there is no parameter "x" here')],
  ['/remove_node/a', 400, expect.stringContaining('the address is "a"')],
  ['/add_node/1', 404, expect.stringContaining('no such page')],
  ['/remove_node/', 400, expect.stringContaining('the address is ""')],
])('%s is refused', async (path, status, sentence) => {
  const { get, ask, ring } = await serveRing()
  expect(await get(path)).toEqual([status, sentence])
  expect(await ask('POST', path)).toEqual([status, sentence])
  expect(ring.asked).toEqual([])
})

test('a HEAD of a path that changes the ring is refused, and so are conditions', async () => {
  const { ask, url, ring } = await serveRing()
  expect((await ask('HEAD', '/add_node/1/a:1'))[0]).toBe(405)
  expect((await ask('HEAD', '/remove_node/a:1'))[0]).toBe(405)
  for (const path of ['/add_node/1/a:1', '/remove_node/a:1', '/hash_ring']) {
    const method = path === '/hash_ring' ? 'POST' : 'GET'
    const answer = await fetch(url + path, { method, headers: { 'If-Match': '*' } })
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('takes no conditions')])
  }
  expect(ring.asked).toEqual([])
})

test('an error of the ring goes back as a line of text', async () => {
  const { get, post, ring } = await serveRing()
  ring.failure = new KvsError('ring_conflict', 'a change is under way; nothing was changed')
  const refused = [409, 'a change is under way; nothing was changed\n']
  expect(await get('/add_node/1/a:1')).toEqual(refused)
  expect(await get('/remove_node/a:1')).toEqual(refused)
  expect(await post('/hash_ring', dataOf(node(1)))).toEqual(refused)
  ring.failure = new KvsError('cannot_forward', 'a:1 gives no answer')
  expect(await get('/add_node/1/a:1')).toEqual([503, 'a:1 gives no answer\n'])
})

test('changes ask for the right admin, and showing for read', async () => {
  const tokens = ['read', 'write', 'admin'].map((right) => `${right}:${right}:${secretOf(right)}`).join(' ')
  const { url, ring } = await serveRing({ guard: guardOf(tokens) })
  const statusOf = async (method: string, path: string, name: string) => {
    const body = method === 'POST' ? new URLSearchParams(dataOf(node(1))) : null
    return (await fetch(url + path, { method, headers: bearer(name), body })).status
  }
  for (const name of ['read', 'write']) {
    expect(await statusOf('POST', '/hash_ring', name)).toBe(403)
    expect(await statusOf('GET', '/add_node/1/a:1', name)).toBe(403)
    expect(await statusOf('GET', '/remove_node/a:1', name)).toBe(403)
  }
  expect(await statusOf('GET', '/hash_ring', 'write')).toBe(403)
  expect(ring.asked).toEqual([])
  expect(await statusOf('GET', '/hash_ring', 'read')).toBe(200)
  expect(await statusOf('POST', '/hash_ring', 'admin')).toBe(200)
})

test('without a ring service there are no such pages', async () => {
  const { url } = await serve()
  const paths = ['/route?key=a', '/route_test?key=a', '/cache?key=a', '/fetch_keys', '/clear_cache', '/hash_ring']
  const ofMembers = [
    '',
    '/give',
    '/change',
    '/spooled',
    '/take',
    '/keys',
    '/changes',
    '/answers',
    '/call_off',
    '/remove_lost',
  ].map((path) => `/ring${path}`)
  for (const path of [...paths, '/add_node/1/a:1', '/remove_node/a:1', ...ofMembers]) {
    expect([path, (await fetch(url + path)).status]).toEqual([path, 404])
  }
})
