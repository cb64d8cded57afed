import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../../kvs/config/config.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { problemsOf } from './problems.ts'

function fileWith(content: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-sites-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'file')
  writeFileSync(path, content)
  return path
}

const peersOf = (KVS_PEERS: string, KVS_ADDRESS = '') => readConfig({ KVS_PEERS, KVS_ADDRESS }).sites?.peers

describe('KVS_PEERS', () => {
  test('names the other sites, in order and with blanks between; without it there are none', () => {
    expect(peersOf('site-b:8080, https://site-c:8443 ,[::1]:8080')).toEqual([
      ...['site-b:8080', 'https://site-c:8443', '[::1]:8080'],
    ])
    expect(readConfig({}).sites).toBe(undefined)
    expect(readConfig({ KVS_PEERS: '' }).sites).toBe(undefined)
  })

  test('may be the same for all nodes, each of which leaves its own address out', () => {
    const all = 'site-a:8080,https://site-b:8080,site-c:8080'
    expect(peersOf(all, 'site-a:8080')).toEqual(['https://site-b:8080', 'site-c:8080'])
    expect(peersOf(all, 'site-b:8080')).toEqual(['site-a:8080', 'site-c:8080'])
    expect(peersOf(all, 'https://site-c:8080')).toEqual(['site-a:8080', 'https://site-b:8080'])
    expect(peersOf(all, 'site-a:8081')).toHaveLength(3)
    expect(peersOf('site-a:8080', 'site-a:8080')).toEqual([])
  })

  test.each([
    ['site-b:8080,site-b:8080', 'KVS_PEERS: "site-b:8080,site-b:8080" has "site-b:8080" twice'],
    ['site-b:8080,,site-c:8080', 'has an empty part: write addresses as site-b:8080,site-c:8080'],
    ['site-b:8080,', 'has an empty part'],
    ['site-b', 'KVS_PEERS: "site-b" is not host:port'],
    ['site-b:8080,site-c:0', '"site-c:0" is not host:port'],
    ['http://site-b:8080', 'is not host:port'],
    ['site-b:8080/path', 'is not host:port'],
  ])('%s is refused', (text, problem) => {
    expect(problemsOf({ KVS_PEERS: text })).toEqual([expect.stringContaining(problem)])
  })

  test('KVS_ADDRESS has to be an address, too', () => {
    expect(problemsOf({ KVS_PEERS: 'site-b:8080', KVS_ADDRESS: 'site-a' })).toEqual([
      expect.stringMatching(/^KVS_ADDRESS: "site-a" is not host:port/),
    ])
  })
})

test('a site waits 2 s for a position where no setting says how long, and other logs 5 s', () => {
  const peers = { KVS_PEERS: 'site-b:8080' }
  expect(readConfig(peers).waitTimeoutMs).toBe(2_000)
  expect(readConfig({ ...peers, KVS_WAIT_TIMEOUT: '7s' }).waitTimeoutMs).toBe(7_000)
  expect(readConfig({ ...peers, KVS_WAIT_TIMEOUT: '5s' }).waitTimeoutMs).toBe(5_000)
  expect(readConfig({}).waitTimeoutMs).toBe(5_000)
})

test('values are compared every 5 minutes where no setting says how often, and not at all where it says so', () => {
  const peers = { KVS_PEERS: 'site-b:8080' }
  expect(readConfig(peers).digestIntervalMs).toBe(300_000)
  expect(readConfig({ ...peers, KVS_DIGEST_INTERVAL: '1h' }).digestIntervalMs).toBe(3_600_000)
  expect(readConfig({ ...peers, KVS_DIGEST_INTERVAL: 'never' }).digestIntervalMs).toBe(undefined)
  for (const KVS_DIGEST_INTERVAL of ['99ms', '25h', '5', 'no'])
    expect(problemsOf({ ...peers, KVS_DIGEST_INTERVAL })).toEqual([expect.stringContaining('or never')])
  expect(readConfig({ KVS_DIGEST_INTERVAL: '1h' }).warnings).toEqual([
    'not used: KVS_DIGEST_INTERVAL; neither KVS_PEERS nor KVS_ADDRESS is set',
  ])
})

describe('KVS_PEER_TOKEN_FILE', () => {
  const tokenOf = (content: string) =>
    readConfig({ KVS_PEERS: 'site-b:8080', KVS_PEER_TOKEN_FILE: fileWith(content) }).sites?.token

  test('has the token alone, with or without a line feed', () => {
    expect(tokenOf('S3CRET-0123456789/+~==')).toBe('S3CRET-0123456789/+~==')
    expect(tokenOf('S3CRET-0123456789\r\n')).toBe('S3CRET-0123456789')
    expect(readConfig({ KVS_PEERS: 'site-b:8080' }).sites?.token).toBe(undefined)
  })

  test.each([
    'a:replicate:S3CRET-0123456789\n',
    'S3CRET-0123456789\nS3CRET-9876543210\n',
    'Bearer S3CRET-0123456789',
    'S3CRÉT-0123456789',
    '# a comment\n',
  ])('is refused with %j in it, which is not shown', (content) => {
    const problems = problemsOf({ KVS_PEERS: 'site-b:8080', KVS_PEER_TOKEN_FILE: fileWith(content) })
    expect(problems).toEqual([
      'KVS_PEER_TOKEN_FILE names a file that is no token: it holds the token alone, on one line',
    ])
  })
})

describe('sites with https://', () => {
  test('are asked with the CAs and the certificate of the settings', () => {
    const authority = makeAuthority()
    const client = authority.issue('site-a')
    const peers = { KVS_PEERS: 'site-b:8080,https://site-c:8443' }
    const files = { KVS_PEER_CA: authority.caFile, KVS_PEER_CERT: client.certFile, KVS_PEER_KEY: client.keyFile }
    expect(readConfig({ ...peers, ...files }).sites?.tls?.texts).toMatchObject({
      ...{ ca: authority.ca, cert: client.cert, key: client.key },
    })
    expect(readConfig(peers).sites?.tls?.texts).toEqual({})
    expect(problemsOf({ ...peers, KVS_PEER_CERT: client.certFile, KVS_PEER_CA: '/none' })).toEqual([
      'KVS_PEER_CERT and KVS_PEER_KEY need each other: set both or neither',
      "KVS_PEER_CA names a file that can't be read (ENOENT)",
    ])
    chmodSync(client.keyFile, 0o644)
    expect(readConfig({ ...peers, ...files }).warnings).toEqual([
      'KVS_PEER_KEY: every user of this machine can read the private key: chmod o-r',
    ])
  })
})

describe('settings without effect are named, and their files are not read', () => {
  const tls = { KVS_PEER_CA: '/none', KVS_PEER_CERT: '/none', KVS_PEER_KEY: '/none' }
  const others = { KVS_PEER_TOKEN_FILE: '/none', ...tls }

  test('without KVS_PEERS and KVS_ADDRESS', () => {
    expect(readConfig(others).warnings).toContain(
      'not used: KVS_PEER_TOKEN_FILE, KVS_PEER_CA, KVS_PEER_CERT, KVS_PEER_KEY; ' +
        'neither KVS_PEERS nor KVS_ADDRESS is set',
    )
  })

  test('without a peer with https://', () => {
    const { warnings, sites } = readConfig({ KVS_PEERS: 'site-b:8080', ...tls })
    expect(warnings).toContain(
      'not used: KVS_PEER_CA, KVS_PEER_CERT, KVS_PEER_KEY; KVS_PEERS has no address with https://',
    )
    expect(sites?.tls).toBe(undefined)
  })

  test('where the only one with https:// is the node itself', () => {
    const env = { KVS_PEERS: 'site-b:8080,https://site-a:8080', KVS_ADDRESS: 'https://site-a:8080', ...tls }
    expect(readConfig(env).warnings.join()).toContain('not used: KVS_PEER_CA')
  })

  test('in a forwarder, all of them, and once', () => {
    const env = { FORWARDING_ADDRESS: 'kvs:8080', KVS_PEERS: 'no address', KVS_ADDRESS: 'site-a:8080', ...others }
    const { warnings, sites } = readConfig(env)
    expect(sites).toBe(undefined)
    expect(warnings).toEqual([
      'not used: KVS_PEERS, KVS_ADDRESS, KVS_PEER_TOKEN_FILE, KVS_PEER_CA, KVS_PEER_CERT, KVS_PEER_KEY; ' +
        'every request is forwarded, since FORWARDING_ADDRESS is set',
    ])
  })

  test('none of them where all have an effect', () => {
    const peers = 'https://site-b:8443'
    expect(readConfig({ KVS_PEERS: peers, KVS_ADDRESS: 'site-a:8443' }).warnings).toEqual([])
  })
})

describe('KVS_MIN_COPIES', () => {
  test('is a number of logs, this site’s own included, and 1 where it is not set', () => {
    const peers = { KVS_PEERS: 'site-b:8080' }
    expect(readConfig({}).minCopies).toBe(1)
    expect(readConfig({ ...peers, KVS_MIN_COPIES: '2' }).minCopies).toBe(2)
    expect(readConfig({ ...peers, KVS_MIN_COPIES: '100' }).minCopies).toBe(100)
    expect(readConfig({ KVS_MIN_COPIES: '1' })).toMatchObject({ minCopies: 1, warnings: readConfig({}).warnings })
  })

  test.each(['0', '101', '1.5', 'two'])('%s is refused', (KVS_MIN_COPIES) => {
    expect(problemsOf({ KVS_PEERS: 'site-b:8080', KVS_MIN_COPIES })).toEqual([
      `KVS_MIN_COPIES: "${KVS_MIN_COPIES}" is not a whole number from 1 to 100`,
    ])
  })

  test('more than 1 needs other sites', () => {
    expect(problemsOf({ KVS_MIN_COPIES: '2' })).toEqual([
      'KVS_MIN_COPIES (2) needs other sites to have the copies: set KVS_PEERS, or leave KVS_MIN_COPIES at 1',
    ])
  })
})
