import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { InvalidConfig, readConfig } from '../../../kvs/config/index.ts'
import { makeDirectory } from '../../support/node.ts'

const KVS_ADDRESS = '10.0.0.3:5000'

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    return error instanceof InvalidConfig ? error.problems : [String(error)]
  }
}

describe('a node that can be in a ring', () => {
  test('has an address, and its log is no site', () => {
    expect(readConfig({ KVS_ADDRESS }).ring?.address).toBe(KVS_ADDRESS)
    expect(readConfig({}).ring).toBe(undefined)
    expect(readConfig({ KVS_ADDRESS, KVS_PEERS: 'site-b:8080' }).ring).toBe(undefined)
    expect(readConfig({ KVS_ADDRESS, FORWARDING_ADDRESS: 'kvs:8080' }).ring).toBe(undefined)
  })

  test('shows a token to members, which a file holds', () => {
    const path = join(makeDirectory(), 'token')
    writeFileSync(path, 'secret\n')
    expect(readConfig({ KVS_ADDRESS, KVS_PEER_TOKEN_FILE: path }).ring?.token).toBe('secret')
    expect(problemsOf({ KVS_ADDRESS, KVS_PEER_TOKEN_FILE: '/none' })).toEqual([
      "KVS_PEER_TOKEN_FILE names a file that can't be read (ENOENT)",
    ])
  })

  test('trusts CAs at members with https://, whatever its own address is', () => {
    expect(problemsOf({ KVS_ADDRESS, KVS_PEER_CA: '/none' })).toEqual([
      "KVS_PEER_CA names a file that can't be read (ENOENT)",
    ])
  })

  test('compares no values with other sites, and says so', () => {
    expect(readConfig({ KVS_ADDRESS, KVS_DIGEST_INTERVAL: '1m' }).warnings).toEqual([
      'not used: KVS_DIGEST_INTERVAL; KVS_PEERS is not set',
    ])
  })

  test('copies as many keys a second from other members as it is told, or without bound', () => {
    const rateOf = (KVS_HANDOVER_RATE: string) => readConfig({ KVS_ADDRESS, KVS_HANDOVER_RATE }).ring?.handoverRate
    expect(rateOf('')).toBe(10_000)
    expect([rateOf('1'), rateOf('1000000'), rateOf('unlimited')]).toEqual([1, 1_000_000, Number.POSITIVE_INFINITY])
    for (const KVS_HANDOVER_RATE of ['0', '-1', '1.5', '1000001', '1k', 'never'])
      expect(problemsOf({ KVS_ADDRESS, KVS_HANDOVER_RATE })).toEqual([
        expect.stringMatching(/^KVS_HANDOVER_RATE: .* is not a whole number from 1 to 1000000, or unlimited$/),
      ])
  })

  test('has no copies at other sites to wait for', () => {
    expect(problemsOf({ KVS_ADDRESS, KVS_MIN_COPIES: '2' })).toEqual([
      expect.stringMatching(/^KVS_MIN_COPIES \(2\) needs other sites/),
    ])
  })
})

test('a node that can be in no ring says that it copies no keys', () => {
  const warningsOf = (env: Record<string, string>) => readConfig({ ...env, KVS_HANDOVER_RATE: '100' }).warnings
  expect(warningsOf({ KVS_ADDRESS })).toEqual([])
  expect(warningsOf({})).toEqual(['not used: KVS_HANDOVER_RATE; KVS_ADDRESS is not set'])
  expect(warningsOf({ KVS_ADDRESS, KVS_PEERS: 'site-b:8080' })).toEqual([
    'not used: KVS_HANDOVER_RATE; KVS_PEERS is set',
  ])
  expect(warningsOf({ FORWARDING_ADDRESS: 'kvs:8080' })).toEqual([
    'not used: KVS_HANDOVER_RATE; every request is forwarded, since FORWARDING_ADDRESS is set',
  ])
})
