import { expect, test } from 'vitest'
import { type Client, makeClient } from '../../../clients/typescript/src/index.ts'
import { makeDirectory, startNode } from '../../support/node.ts'
import { startThree } from '../several-nodes/three.ts'

const environment = { KVS_ALLOW_CLEAR: 'true' }

/** Clients of three nodes on one log, and one of a forwarder to the first of them. */
async function startClients() {
  const { nodes } = await startThree(environment)
  const FORWARDING_ADDRESS = new URL(nodes[0]?.url ?? '').host
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS })
  const [forwarded, ...direct] = [forwarder, ...nodes].map(({ url }) => makeClient({ url }))
  if (forwarded === undefined) throw new Error('there is a forwarder')
  return { nodes, forwarded, direct }
}

test('whatever a client of a forwarder does, those of all nodes see with its position', async () => {
  const { forwarded, direct } = await startClients()
  const seenBy = async (reader: Client) => {
    reader.advance(forwarded.position)
    return Promise.all([
      Array.fromAsync(reader.list('s/')),
      reader.count('s/'),
      reader.getText('s/a'),
      reader.getText('s/n'),
    ])
  }
  await forwarded.put('s/a', '1', { ifNoneMatch: '*' })
  await forwarded.put('s/b/c', '2', { ttl: '1h' })
  const { results } = await forwarded.transact({
    if: [{ key: 's/d', etag: null }],
    do: [
      { put: 's/d', value: '3' },
      { add: 's/n', by: 5 },
    ],
  })
  expect(results.map(({ key }) => key)).toEqual(['s/d', 's/n'])
  expect(await forwarded.add('s/n', 2)).toBe(7n)
  for (const reader of [forwarded, ...direct]) {
    expect(await seenBy(reader)).toEqual([['s/a', 's/b/c', 's/d', 's/n'], 4, '1', '7'])
    expect((await reader.head('s/b/c'))?.expires).toBeInstanceOf(Date)
  }
  expect(await Array.fromAsync(forwarded.list('s/', { delimiter: '/', pageSize: 1 }))).toEqual([
    's/a',
    's/b/',
    's/d',
    's/n',
  ])
  expect((await forwarded.clear('s/')).deleted).toBe(4)
  for (const reader of direct) expect(await seenBy(reader)).toEqual([[], 0, undefined, undefined])
})

test('counts of clients at all nodes and at a forwarder are each done once', async () => {
  const { forwarded, direct } = await startClients()
  const clients = [forwarded, ...direct]
  const sums = await Promise.all(clients.flatMap((client) => Array.from({ length: 25 }, () => client.add('n'))))
  expect(sums.toSorted((one, other) => Number(one - other))).toEqual(sums.map((_, index) => BigInt(index + 1)))
  expect(await forwarded.getText('n', { consistent: true })).toBe(String(sums.length))
})

test('a client whose forwarder is cut off from the node says so, and goes on once it is back', async () => {
  const { nodes, forwarded } = await startClients()
  await forwarded.put('a', '1')
  nodes[0]?.kill('SIGSTOP')
  const options = { timeoutMs: 500 }
  await expect(forwarded.getText('a', options)).rejects.toMatchObject({ name: 'KvsError' })
  await expect(forwarded.put('a', '2', options)).rejects.toMatchObject({ isUndecided: true })
  nodes[0]?.kill('SIGCONT')
  await forwarded.put('a', '3')
  expect(await forwarded.getText('a')).toMatch(/^[23]$/)
})
