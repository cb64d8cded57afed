import { expect, test } from 'vitest'
import { maxListsOfCaller } from '../../../../../kvs/http/api/lists/list-shares.ts'
import { until } from '../../../../support/until.ts'
import { bearer, guarded } from '../../guarded.ts'

/** The token called bounded reaches the keys below a/ and those that begin with "b,". */
const reached = ['a/1', 'a/2/x', 'a/2/y', 'b,1']
const hidden = ['a', 'a.', 'a0', 'b', 'b+', 'b-', 'c/1', 'team/x']

async function serveBounded(hiddenKeys: readonly string[] = hidden) {
  const served = await guarded()
  for (const key of [...reached, ...hiddenKeys]) {
    await served.store.write({ kind: 'put', key, value: Buffer.from('x'), contentType: undefined })
  }
  served.store.writes.length = 0
  const ask = async (path: string, method = 'GET', name = 'bounded') => {
    const answer = await fetch(`${served.url}/v1/${path}`, { method, headers: bearer(name) })
    return { answer, status: answer.status, link: answer.headers.get('link'), text: await answer.text() }
  }
  return { ...served, ask }
}

test.each<[path: string, body: unknown, link: string | null]>([
  [':', reached, null],
  ['a:', ['a/1', 'a/2/x', 'a/2/y'], null],
  ['a/:', ['a/1', 'a/2/x', 'a/2/y'], null],
  ['a/2/:', ['a/2/x', 'a/2/y'], null],
  ['a/9:', [], null],
  ['b:', ['b,1'], null],
  [':?count', { count: 4 }, null],
  ['b:?count', { count: 1 }, null],
  [':?delimiter=/', ['a/', 'b,1'], null],
  ['a/:?delimiter=/', ['a/1', 'a/2/'], null],
  [':?limit=3', ['a/1', 'a/2/x', 'a/2/y'], '</v1/:?limit=3&after=a%2F2%2Fy>; rel="next"'],
  [':?limit=4', reached, null],
  [':?limit=1&after=a/2/y', ['b,1'], null],
  [':?limit=1&after=b,1', [], null],
  ['a:?limit=3', ['a/1', 'a/2/x', 'a/2/y'], null],
  [':?limit=2&delimiter=/', ['a/', 'b,1'], null],
  [':?after=b', ['b,1'], null],
  [':?after=c', [], null],
])('a token with prefixes is shown its own keys alone: %s', async (path, body, link) => {
  const { ask } = await serveBounded()
  const answer = await ask(path)
  expect([answer.status, JSON.parse(answer.text), answer.link]).toEqual([200, body, link])
  const head = await ask(path, 'HEAD')
  expect([head.status, head.link]).toEqual([200, link])
})

test('so with values', async () => {
  const { ask } = await serveBounded()
  const shown = JSON.parse((await ask(':?values')).text) as { key: string }[]
  expect(shown.map(({ key }) => key)).toEqual(reached)
  expect((await ask(':?values&limit=4')).link).toBeNull()
})

test.each(['c:', 'c/:', 'c/1:', 'A:', 'team/:', 'b-:', 'b-:?count', 'a.:?values', 'c:?delimiter=/', 'c:?limit=1'])(
  'what it does not reach is refused in the same words, whether there is such a key or not: %s',
  async (path) => {
    const answers: string[] = []
    for (const hiddenKeys of [hidden, []]) {
      const { ask, store } = await serveBounded(hiddenKeys)
      for (const method of ['GET', 'HEAD', 'DELETE']) {
        const { status, text, answer } = await ask(method === 'DELETE' ? path.replace(/\?.*/, '') : path, method)
        expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="kvs", error="insufficient_scope"')
        answers.push(`${method} ${status} ${text}`)
      }
      expect(store).toMatchObject({ writes: [], lists: { listings: [] } })
    }
    expect(answers.slice(3)).toEqual(answers.slice(0, 3))
    expect(answers[0]).toMatch(/^GET 403 the token bounded reaches no key that begins with/)
  },
)

test('all that it is told is the same, whatever the keys are that it does not reach', async () => {
  const paths = [':', ':?count', ':?delimiter=/', ':?delimiter=x', ':?limit=4', ':?limit=2&delimiter=/', ':?after=b']
  const told: string[][] = []
  for (const hiddenKeys of [hidden, ['b,', 'a/'].map((one) => one.slice(0, 1)), []]) {
    const { ask } = await serveBounded(hiddenKeys)
    const answers = await Promise.all(paths.map((path) => ask(path)))
    told.push(answers.map(({ status, link, text }) => `${status} ${link} ${text}`))
  }
  expect(told[1]).toEqual(told[0])
  expect(told[2]).toEqual(told[0])
})

test('a clear deletes what the token reaches, and counts no more', async () => {
  const { ask, store } = await serveBounded()
  const { status, answer } = await ask(':', 'DELETE')
  expect([status, answer.headers.get('kvs-deleted')]).toEqual([200, '4'])
  expect(store.writes.map(({ key }) => key)).toEqual(reached)
})

test('the right to clear is enough for a clear, and for nothing else', async () => {
  const { ask, url } = await serveBounded()
  expect((await ask('a/:', 'GET', 'clear')).status).toBe(403)
  expect((await ask('a/:', 'HEAD', 'clear')).status).toBe(403)
  expect((await ask('a/1', 'GET', 'clear')).status).toBe(403)
  expect((await ask('a/1', 'DELETE', 'clear')).status).toBe(403)
  expect((await ask('a/1:', 'DELETE', 'read-write-admin')).status).toBe(403)
  expect((await fetch(`${url}/v1/:`, { method: 'DELETE' })).status).toBe(401)
  const done = await ask('a/:', 'DELETE', 'clear')
  expect([done.status, done.answer.headers.get('kvs-deleted')]).toEqual([200, '3'])
})

test('a token has half of the lists that a node opens, and others have theirs', async () => {
  const { store, ask } = await serveBounded()
  const held = Promise.withResolvers<void>()
  const { listKeys } = store
  store.listKeys = async (query) => {
    await held.promise
    return listKeys(query)
  }
  const waiting = Array.from({ length: maxListsOfCaller }, () => ask(':'))
  await until('they are open', async () => (await ask(':?limit=1')).status === 503)
  expect((await ask(':?limit=1')).text).toContain(`${maxListsOfCaller} lists of this token are open`)
  expect((await ask('a/:', 'DELETE')).status).toBe(503)
  const others = ask(':?limit=1', 'GET', 'read')
  held.resolve()
  expect((await others).status).toBe(200)
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(waiting.map(() => 200))
  expect((await ask(':')).status).toBe(200)
})
