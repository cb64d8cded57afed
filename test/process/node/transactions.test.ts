import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { put, reaches, text } from '../../support/requests.ts'

type Node = { readonly url: string }
type Fields = Record<string, string>

const transact = (node: Node, body: object, headers: Fields = {}) =>
  fetch(`${node.url}/v1/:`, { method: 'POST', body: JSON.stringify(body), headers })
const count = (node: Node, path: string, headers: Fields = {}) =>
  fetch(`${node.url}/v1/${path}`, { method: 'POST', headers })

test('a transaction is one batch, and is there after a SIGKILL, replayed from the log and from a checkpoint', async () => {
  const database = await makeDatabase()
  const directory = makeDirectory()
  const env = toEnvironment(database.target)
  const node = await startReadyNode(directory, env)
  await put(node, 'old', 'x')
  const body = {
    do: [{ put: 'a', value: 'é', ttl: '1h' }, { add: 'n', by: 41 }, { add: 'n', by: 1 }, { delete: 'old' }],
  }
  const done = await transact(node, body)
  const answer = (await done.json()) as { position: string; results: { key: string; value?: string }[] }
  expect(answer.position).toMatch(/^[0-9a-f]{8}=5$/)
  expect(answer.results.map(({ key, value }) => [key, value])).toEqual([
    ['a', undefined],
    ['n', '41'],
    ['n', '42'],
    ['old', undefined],
  ])
  const rows = await database.sql(
    `SELECT sequence::int, key, convert_from(value, 'UTF8') AS value, deadline IS NOT NULL AS ends,
            write_number IS NOT NULL AS is_last, dense_rank() OVER (ORDER BY digest, recorded_at)::int AS batch
     FROM transactions WHERE sequence > 1 ORDER BY sequence`,
  )
  const [first] = rows as { batch: number }[]
  const one = { ends: false, is_last: false, batch: first?.batch }
  expect(rows).toEqual([
    { sequence: 2, key: 'a', value: 'é', ...one, ends: true },
    { sequence: 3, key: 'n', value: '41', ...one },
    { sequence: 4, key: 'n', value: '42', ...one },
    { sequence: 5, key: 'old', value: null, ...one, is_last: true },
  ])

  const shown = async (one: Node) => [await text(one, 'a'), await text(one, 'n'), (await text(one, 'old')).trim()]
  const before = await shown(node)
  expect(before).toEqual(['é', '42', 'no such key'])
  node.kill('SIGKILL')
  await node.ended
  const again = await startReadyNode(directory, env)
  expect(await shown(again)).toEqual(before)
  again.kill('SIGKILL')
  await again.ended
  // One entry after the other would be a checkpoint inside of the transaction.
  await database.sql('SELECT advance_checkpoint(2)')
  const [checkpoint] = await database.sql<{ sequence: string }>('SELECT sequence FROM checkpoint')
  expect(checkpoint?.sequence).toBe('5')
  const third = await startReadyNode(directory, env)
  expect(await shown(third)).toEqual(before)
})

test('while the log is down nothing is done and nothing is spooled, and afterwards all goes on', async () => {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), toEnvironment(database.target))
  expect(await (await count(node, 'n?add=1')).text()).toBe('1')
  await database.sql('UPDATE pg_database SET datallowconn = false WHERE datname = current_database()')
  await database.sql(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  )
  await reaches(node, 'log down')
  const answers = [await transact(node, { do: [{ delete: 'n' }] }), await count(node, 'n?add=1')]
  for (const answer of answers) {
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await answer.text()).toMatch(/the log is down, and nothing was stored|needs the log/)
  }
  const { spool } = (await (await fetch(`${node.url}/readyz`)).json()) as { spool: { writes: number } }
  expect(spool.writes).toBe(0)
  await database.sql('UPDATE pg_database SET datallowconn = true WHERE datname = current_database()')
  await reaches(node, 'serving')
  expect(await (await count(node, 'n?add=1')).text()).toBe('2')
})

test('a token learns nothing of keys beyond its prefixes, of a node or of a forwarder', async () => {
  const database = await makeDatabase()
  const env = {
    KVS_TOKENS: 'admin:read+write+admin:admin-0123456789abcdef bounded:read+write:bounded-0123456789abcdef:mine/',
  }
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(database.target), ...env })
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node.url).host, ...env })
  const as = (name: string) => ({ Authorization: `Bearer ${name}-0123456789abcdef` })
  const ask = async (to: Node) => {
    const bodies = [
      { if: [{ key: 'secret', etag: null }], do: [{ put: 'mine/a', value: 'x' }] },
      { do: [{ put: 'mine/a', value: 'x' }, { delete: 'secret' }] },
      { do: [{ add: 'secret', by: 1 }] },
      { do: [{ add: 'mine/n', by: 1 }] },
    ]
    const answers = []
    for (const body of bodies) answers.push(await transact(to, body, as('bounded')))
    answers.push(await count(to, 'secret?add=1', as('bounded')))
    return Promise.all(answers.map(async (answer) => [answer.status, await answer.text()]))
  }
  for (const to of [node, forwarder]) {
    const before = await ask(to)
    expect(before.map(([status]) => status)).toEqual([403, 403, 403, 200, 403])
    expect((await transact(node, { do: [{ put: 'secret', value: 'x' }] }, as('admin'))).status).toBe(200)
    const after = await ask(to)
    const withoutCounted = (all: unknown[]) => all.filter((_, index) => index !== 3)
    expect(withoutCounted(after)).toEqual(withoutCounted(before))
    expect((await transact(node, { do: [{ delete: 'secret' }] }, as('admin'))).status).toBe(200)
  }
  const mine = await fetch(`${node.url}/v1/mine/a`, { headers: as('bounded') })
  expect(mine.status).toBe(404)
})
