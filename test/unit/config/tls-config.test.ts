import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { readConfig } from '../../../kvs/config/config.ts'
import type { Environment } from '../../../kvs/config/settings-table.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { makeDirectory, spawnNode } from '../../support/node.ts'
import { problemsOf } from './problems.ts'

function setUp() {
  const authority = makeAuthority()
  const server = authority.issue('server')
  const file = (name: string, content: string) => {
    writeFileSync(join(authority.directory, name), content)
    return join(authority.directory, name)
  }
  const tls = { KVS_TLS_CERT: server.certFile, KVS_TLS_KEY: server.keyFile }
  return { authority, server, file, tls }
}

test('a certificate, its chain and its key are taken; the key is shown nowhere', () => {
  const { authority, server, file, tls } = setUp()
  const config = readConfig({ ...tls, KVS_TLS_CLIENT_CA: authority.caFile })
  expect(config.tls?.texts).toMatchObject({ cert: server.cert, ca: authority.ca })
  expect(config.tls?.texts.key).toBe(server.key)
  for (const shown of [JSON.stringify(config), inspect(config, { depth: 9 })]) expect(shown).not.toContain('PRIVATE')
  expect(problemsOf({ ...tls, KVS_TLS_CERT: file('chain.crt', server.cert + authority.ca) })).toEqual([])
  const traditional = authority.openssl('ec', '-in', 'server.key').toString()
  expect(traditional).toContain('BEGIN EC PRIVATE KEY')
  expect(problemsOf({ ...tls, KVS_TLS_KEY: file('ec.key', traditional) })).toEqual([])
  expect(readConfig({}).tls).toBe(undefined)
})

test('a private key that everybody can read is warned of', () => {
  const { server, tls } = setUp()
  const warned = (name: string) => [`${name}: every user of this machine can read the private key: chmod o-r`]
  const forward = {
    FORWARDING_ADDRESS: 'https://kvs:8443',
    KVS_FORWARD_CERT: server.certFile,
    KVS_FORWARD_KEY: server.keyFile,
  }
  for (const [mode, env, warnings] of [
    [0o640, tls, []],
    [0o644, tls, warned('KVS_TLS_KEY')],
    [0o640, forward, []],
    [0o644, forward, warned('KVS_FORWARD_KEY')],
  ] as const) {
    chmodSync(server.keyFile, mode)
    expect(readConfig(env).warnings).toEqual(warnings)
  }
})

test('a key itself in place of its file’s name is told, and not shown', () => {
  const { tls } = setUp()
  const key = `-----BEGIN PRIVATE KEY-----\n${'S3CRET'.repeat(1_000)}\n-----END PRIVATE KEY-----\n` // longer than any path
  const problems = problemsOf({ ...tls, KVS_TLS_KEY: key })
  expect(problems).toEqual([expect.stringMatching(/^KVS_TLS_KEY names a file that can't be read \(ENAMETOOLONG\)/)])
  expect(problems.join()).not.toContain('S3CRET')
})

test('what is wrong is told, without a path and without what is in the file', () => {
  const { authority, server, file, tls } = setUp()
  const other = authority.issue('other')
  authority.openssl('pkey', '-in', 'server.key', '-aes256', '-passout', 'pass:x', '-out', 'locked.key')
  authority.openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:1024',
    '-nodes',
    '-keyout',
    'weak.key',
    '-out',
    'weak.crt',
    '-subj',
    '/CN=weak',
  )
  const at = (name: string) => join(authority.directory, name)
  const cases: [Environment, string][] = [
    [{ KVS_TLS_CERT: server.certFile }, 'KVS_TLS_CERT and KVS_TLS_KEY need each other: set both or neither'],
    [{ KVS_TLS_KEY: server.keyFile }, 'KVS_TLS_CERT and KVS_TLS_KEY need each other: set both or neither'],
    [{ KVS_TLS_CLIENT_CA: authority.caFile }, 'KVS_TLS_CLIENT_CA needs KVS_TLS_CERT and KVS_TLS_KEY'],
    [{ ...tls, KVS_TLS_CERT: at('none') }, "KVS_TLS_CERT names a file that can't be read (ENOENT)"],
    [{ ...tls, KVS_TLS_KEY: authority.directory }, 'KVS_TLS_KEY names a directory'],
    [{ ...tls, KVS_TLS_CERT: server.keyFile }, 'KVS_TLS_CERT names a file without a PEM certificate'],
    [{ ...tls, KVS_TLS_CERT: file('empty.crt', '') }, 'KVS_TLS_CERT names a file without a PEM certificate'],
    [
      { ...tls, KVS_TLS_CERT: file('cut.crt', server.cert.slice(0, 300)) },
      'KVS_TLS_CERT names a file with a PEM certificate that is cut short',
    ],
    [
      { ...tls, KVS_TLS_CERT: file('bad.crt', server.cert.replace(/[A-Z]{3}/, '!!!')) },
      'KVS_TLS_CERT names a file with',
    ],
    [{ ...tls, KVS_TLS_KEY: server.certFile }, 'KVS_TLS_KEY names a file without a PEM private key'],
    [{ ...tls, KVS_TLS_KEY: at('locked.key') }, 'KVS_TLS_KEY names a file with an encrypted key: decrypt it'],
    [
      { ...tls, KVS_TLS_KEY: file('cut.key', server.key.slice(0, 80)) },
      "KVS_TLS_KEY names a file with a PEM private key that can't be read",
    ],
    [
      { ...tls, KVS_TLS_KEY: other.keyFile },
      'KVS_TLS_KEY names a key that is not the one to the certificate in KVS_TLS_CERT',
    ],
    [
      { ...tls, KVS_TLS_CERT: file('order.crt', authority.ca + server.cert) },
      'whose first certificate must be the server’s own',
    ],
    [{ ...tls, KVS_TLS_CLIENT_CA: server.keyFile }, 'KVS_TLS_CLIENT_CA names a file without a PEM certificate'],
    [{ KVS_TLS_CERT: at('weak.crt'), KVS_TLS_KEY: at('weak.key') }, 'not fit for TLS: '],
  ]
  for (const [env, problem] of cases) {
    const problems = problemsOf(env)
    expect(problems).toEqual([expect.stringContaining(problem)])
    expect(problems.join()).not.toMatch(/BEGIN|kvs-node-/)
  }
})

test('all of it is told at once, with exit code 78', async () => {
  const { server } = setUp()
  const node = spawnNode(makeDirectory(), {
    PORT: 'x',
    KVS_TLS_CERT: server.keyFile,
    KVS_TLS_KEY: '/none',
    KVS_TLS_CLIENT_CA: '/none',
  })
  expect(await node.ended).toBe(78)
  for (const name of ['PORT', 'KVS_TLS_CERT', 'KVS_TLS_KEY', 'KVS_TLS_CLIENT_CA'])
    expect(node.output()).toMatch(`  ${name}`)
})

test('a certificate that has expired, or is about to, is a warning', async () => {
  const { authority } = setUp()
  for (const [days, text] of [
    [-1, /"level":40.*the TLS certificate for localhost, 127.0.0.1 has expired on .*: clients will refuse it/],
    [3, /"level":40.*the TLS certificate for localhost, 127.0.0.1 expires in [23] days, on /],
    [100, /"level":30.*the TLS certificate for localhost, 127.0.0.1 is valid until .* \(serial [0-9a-f]+\)/],
  ] as const) {
    const { certFile, keyFile } = authority.issue(`of-${days}`, { days })
    const env = { KVS_TLS_CERT: certFile, KVS_TLS_KEY: keyFile, FORWARDING_ADDRESS: '127.0.0.1:1' }
    const node = spawnNode(makeDirectory(), env)
    await expect.poll(node.output, { timeout: 30_000 }).toMatch(text)
  }
})

test('a forwarding node reads what it needs for https://, and only then', () => {
  const { authority, server } = setUp()
  const files = { KVS_FORWARD_CA: authority.caFile, KVS_FORWARD_CERT: server.certFile, KVS_FORWARD_KEY: server.keyFile }
  const config = readConfig({ FORWARDING_ADDRESS: 'https://kvs:8443', ...files })
  expect([config.forwardingAddress, config.forwardTls?.texts.ca]).toEqual(['https://kvs:8443', authority.ca])
  expect(readConfig({ FORWARDING_ADDRESS: 'https://kvs:8443' }).forwardTls?.texts).toEqual({})
  expect(
    problemsOf({ FORWARDING_ADDRESS: 'https://kvs:8443', KVS_FORWARD_CERT: server.certFile, KVS_FORWARD_CA: '/none' }),
  ).toEqual([
    'KVS_FORWARD_CERT and KVS_FORWARD_KEY need each other: set both or neither',
    "KVS_FORWARD_CA names a file that can't be read (ENOENT)",
  ])
  for (const env of [{}, { FORWARDING_ADDRESS: 'kvs:8080' }]) {
    const { warnings, forwardTls } = readConfig({ ...env, KVS_FORWARD_CA: '/none' })
    expect([forwardTls, warnings]).toEqual([
      undefined,
      ['not used: KVS_FORWARD_CA; FORWARDING_ADDRESS does not begin with https://'],
    ])
  }
})
