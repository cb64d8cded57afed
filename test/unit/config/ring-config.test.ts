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

  test('has no copies at other sites to wait for', () => {
    expect(problemsOf({ KVS_ADDRESS, KVS_MIN_COPIES: '2' })).toEqual([
      expect.stringMatching(/^KVS_MIN_COPIES \(2\) needs other sites/),
    ])
  })
})
