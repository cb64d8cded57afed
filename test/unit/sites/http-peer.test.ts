import { MockAgent, Pool } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { nowhere } from '../../../kvs/core/position.ts'
import { makeHttpPeer } from '../../../kvs/sites/http-peer.ts'

test('a signal ends what waits for a connection that is neither made nor refused', async () => {
  const url = 'http://10.0.0.2:8080'
  const dispatcher = new Pool(url, { connect: () => undefined })
  onTestFinished(() => dispatcher.destroy())
  const peer = makeHttpPeer({ url, name: '10.0.0.2:8080', dispatcher, servername: '', reloads: [] }, undefined)
  const aborting = new AbortController()
  const asks = [
    peer.askPosition(undefined, aborting.signal),
    peer.askCopy({ log: 'here', sequence: 1n }, aborting.signal),
    peer.rejoin({ stamp: 1, origin: 'here', isExpiry: false }, aborting.signal),
    peer.open({ site: 'here', have: nowhere, stamps: new Map(), after: nowhere }, aborting.signal),
  ]
  const outcomes = Promise.allSettled(asks)
  aborting.abort(new Error('no answer within 2000 ms'))
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('no answer within') },
    })
  }
})

test('a node that is no site is told apart from an address that is wrong', async () => {
  const url = 'http://10.0.0.2:8080'
  const dispatcher = new MockAgent()
  dispatcher.disableNetConnect()
  onTestFinished(() => dispatcher.close())
  const pool = dispatcher.get(url)
  pool.intercept({ path: /^\/sites\/log/ }).reply(404, 'no such page: keys live under /v1/')
  const peer = makeHttpPeer({ url, name: '10.0.0.2:8080', dispatcher: pool, servername: '', reloads: [] }, undefined)
  const query = { site: 'here', have: nowhere, stamps: new Map(), after: nowhere }
  await expect(peer.open(query, new AbortController().signal)).rejects.toThrow('is KVS_PEERS set there?')
  // A site of an older version lacks a page that this one asks for.
  pool.intercept({ path: /^\/sites\/copies/ }).reply(404, 'no such page: keys live under /v1/')
  const copy = peer.askCopy({ log: 'here', sequence: 7n }, new AbortController().signal)
  await expect(copy).rejects.toThrow('Is it of this version?')
})

const json = { headers: { 'content-type': 'application/json' } }

test.each([
  [
    '{"log":"there","sequence":"9007199254740993","stamp":70}',
    { holder: 'there', sequence: 9_007_199_254_740_993n, stamp: 70 },
  ],
  ['{"log":"there","sequence":"7","stamp":null}', { holder: 'there', sequence: 7n, stamp: undefined }],
  ['{"log":"there","sequence":"7"}', undefined],
  ['{"log":"there","sequence":"7","stamp":"70"}', undefined],
  ['{"log":"there","sequence":"7","stamp":-1}', undefined],
  ['{"log":"there","sequence":"7","stamp":1e300}', undefined],
  ['{"log":"there","sequence":7,"stamp":70}', undefined],
  ['{"log":"there","sequence":"-7","stamp":70}', undefined],
  ['{"log":"there"}', undefined],
  ['{"log":"a b","sequence":"7","stamp":70}', undefined],
  ['null', undefined],
  ['7', undefined],
  ['not json', undefined],
  ['', undefined],
])('how far a node has a log: %s', async (body, expected) => {
  const agent = new MockAgent()
  agent.disableNetConnect()
  const url = 'http://10.0.0.2:8080'
  agent.get(url).intercept({ path: '/sites/copies?log=here&sequence=7' }).reply(200, body, json)
  const target = { url, name: '10.0.0.2:8080', dispatcher: agent.get(url), servername: '', reloads: [] }
  const asked = makeHttpPeer(target, undefined).askCopy({ log: 'here', sequence: 7n }, new AbortController().signal)
  if (expected) expect(await asked).toEqual(expected)
  else await expect(asked).rejects.toThrow('10.0.0.2:8080 does not answer how far it has a log')
})
