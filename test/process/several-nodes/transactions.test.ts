import { expect, test } from 'vitest'
import { type Client, makeClient } from '../../support/client.ts'
import { makeDirectory, type Node, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { startThree } from './three.ts'

type Fields = Record<string, string>

const transact = (call: Client, url: string, body: object, headers: Fields = {}) =>
  call(url, { method: 'POST', path: '/v1/:', body: JSON.stringify(body), headers })
const count = (call: Client, url: string, path: string, headers: Fields = {}) =>
  call(url, { method: 'POST', path: `/v1/${path}`, headers })

interface Item {
  readonly key: string
  readonly value: string
  readonly etag: string
}

const valuesBelow = async (call: Client, url: string, prefix: string) =>
  JSON.parse((await call(url, { path: `/v1/${prefix}:?values` })).body) as Item[]

async function startForwarderTo(node: Node | undefined): Promise<Node> {
  return startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node?.url ?? '').host })
}

test('a sum that transfers do not change is the same in every list, on every node and through a forwarder', async () => {
  const { nodes } = await startThree()
  const urls = [...nodes, await startForwarderTo(nodes[1])].map(({ url }) => url)
  const call = makeClient()
  const accounts = Array.from({ length: 12 }, (_, n) => `account/${n}`)
  const created = await transact(call, urls[0] ?? '', { do: accounts.map((put) => ({ put, value: '100' })) })
  expect(created.status).toBe(200)
  for (const url of urls) await call(url, { path: '/v1/account/0?consistent' })

  let isOver = false
  const sums = new Set<number>()
  let reads = 0
  const reading = urls.map(async (url) => {
    while (!isOver) {
      const items = await valuesBelow(call, url, 'account/')
      sums.add(items.reduce((sum, { value }) => sum + Number(value), 0))
      reads++
    }
  })
  /** By counts, or by puts under the condition that nobody else has written meanwhile. */
  async function transfer(number: number): Promise<number> {
    const url = urls[number % urls.length] ?? ''
    const [from = '', to = ''] = [accounts[number % 12], accounts[(number * 7 + 5) % 12]]
    if (from === to || number % 3 > 0) {
      const by = 1 + (number % 5)
      const body = {
        do: [
          { add: from, by: -by },
          { add: to, by },
        ],
      }
      return (await transact(call, url, body)).status
    }
    for (;;) {
      const items = await valuesBelow(call, url, 'account/')
      const [one, other] = [from, to].map((key) => items.find((item) => item.key === key))
      const answer = await transact(call, url, {
        if: [one, other].map((item) => ({ key: item?.key, etag: item?.etag })),
        do: [
          { put: from, value: `${Number(one?.value) - 1}` },
          { put: to, value: `${Number(other?.value) + 1}` },
        ],
      })
      if (answer.status !== 412) return answer.status
    }
  }
  const statuses = await Promise.all(
    Array.from({ length: 24 }, async (_, client) => {
      const own: number[] = []
      for (let n = 0; n < 12; n++) own.push(await transfer(client * 12 + n))
      return own
    }),
  )
  isOver = true
  await Promise.all(reading)
  expect(new Set(statuses.flat())).toEqual(new Set([200]))
  expect([...sums]).toEqual([1_200])
  expect(reads).toBeGreaterThan(10)
})

test('counts on one key are each done once, whichever node they come to', async () => {
  const { nodes, database } = await startThree()
  const urls = [...nodes, await startForwarderTo(nodes[2])].map(({ url }) => url)
  const call = makeClient()
  const numbers = await Promise.all(
    Array.from({ length: 32 }, async (_, client) => {
      const own: string[] = []
      for (let n = 0; n < 10; n++) {
        const { status, body } = await count(call, urls[client % 4] ?? '', 'hot?add=1')
        own.push(status === 200 ? body : `${status}: ${body}`)
      }
      return own
    }),
  )
  const all = Array.from({ length: 320 }, (_, n) => n + 1)
  expect(
    numbers
      .flat()
      .map(Number)
      .toSorted((one, other) => one - other),
  ).toEqual(all)
  const [row] = await database.sql<{ entries: number; batches: number }>(
    `SELECT count(*)::int AS entries, count(write_number)::int AS batches FROM transactions`,
  )
  expect(row?.entries).toBe(320)
  // Counts that wait share a batch.
  expect(row?.batches).toBeLessThan(320)
})

test('a node that comes back to more than a page shows no half of what is in it', async () => {
  const { nodes } = await startThree()
  const [writer, reader] = nodes
  const call = makeClient()
  /** 3.9 MB between the first key and the last one. A page has 8 MiB of values. */
  const transaction = (version: number) => ({
    do: [
      { put: 'pair/first', value: `${version}` },
      ...Array.from({ length: 130 }, (_, n) => ({ put: `fill/${n}`, value: `${version}`.padEnd(30_000) })),
      { put: 'pair/second', value: `${version}` },
    ],
  })
  expect((await transact(call, writer?.url ?? '', transaction(1))).status).toBe(200)
  await until('the reader has it', async () => (await valuesBelow(call, reader?.url ?? '', 'pair/')).length === 2)
  reader?.kill('SIGSTOP')
  for (let version = 2; version <= 8; version++) await transact(call, writer?.url ?? '', transaction(version))
  reader?.kill('SIGCONT')
  const seen = new Set<string>()
  await until('the reader has caught up', async () => {
    const pair = await valuesBelow(call, reader?.url ?? '', 'pair/')
    seen.add(pair.map(({ value }) => value).join('+'))
    return pair[0]?.value === '8'
  })
  expect([...seen].filter((pair) => pair.split('+')[0] !== pair.split('+')[1])).toEqual([])
})

test('a transaction whose answer was lost is repeated under its Idempotency-Key, and is done once', async () => {
  const { nodes, database } = await startThree()
  const [, two = { url: '' }, three = { url: '' }] = nodes
  const call = makeClient()
  const body = (n: number) => ({
    do: [
      { add: 'sum', by: 1 },
      { put: `done/${n}`, value: 'x' },
    ],
  })
  const directory = makeDirectory()
  const env = toEnvironment(database.target)
  let dying = await startReadyNode(directory, env)
  let unanswered = 0
  for (let round = 0; round < 3; round++) {
    const asked = Array.from({ length: 20 }, (_, n) => round * 20 + n)
    const first = asked.map((n) =>
      transact(call, dying.url, body(n), { 'Idempotency-Key': `t${n}` }).catch(() => undefined),
    )
    // Some are answered, some are under way.
    await Promise.race(first)
    dying.kill('SIGKILL')
    const answers = await Promise.all(first)
    unanswered += answers.filter((answer) => answer?.status !== 200).length
    const again = await Promise.all(
      asked.map((n) => transact(call, n % 2 ? two.url : three.url, body(n), { 'Idempotency-Key': `t${n}` })),
    )
    expect(again.map(({ status }) => status)).toEqual(Array(20).fill(200))
    answers.forEach((answer, index) => {
      if (answer?.status === 200) expect(again[index]?.body).toBe(answer.body)
    })
    const once = await Promise.all(
      asked.map((n) => transact(call, n % 2 ? three.url : two.url, body(n), { 'Idempotency-Key': `t${n}` })),
    )
    expect(once.map((answer) => answer.body)).toEqual(again.map((answer) => answer.body))
    await dying.ended
    dying = await startReadyNode(directory, env)
  }
  expect(unanswered).toBeGreaterThan(0)
  expect((await call(two.url, { path: '/v1/sum?consistent' })).body).toBe('60')
  const other = await transact(call, two.url, body(1_000), { 'Idempotency-Key': 't1' })
  expect(other.status).toBe(422)

  const failing = { if: [{ key: 'sum', etag: null }], do: [{ delete: 'sum' }] }
  const refused = await transact(call, two.url, failing, { 'Idempotency-Key': 'refused' })
  await call(two.url, { method: 'DELETE', path: '/v1/sum' })
  const still = await transact(call, three.url, failing, { 'Idempotency-Key': 'refused' })
  expect([refused.status, still.status, still.body]).toEqual([412, 412, refused.body])
})
