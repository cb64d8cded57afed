import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { settings } from '../../../kvs/config/all-settings.ts'
import type { Environment } from '../../../kvs/config/settings-table.ts'
import { problemsOf } from './problems.ts'

const directory = mkdtempSync(join(tmpdir(), 'kvs-files-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const at = (name: string) => join(directory, name)
mkdirSync(at('directory'))
execFileSync('mkfifo', [at('pipe')])
writeFileSync(at('empty'), '')
writeFileSync(at('binary'), Buffer.from([0x30, 0x82, 0xff, 0xfe, 0x0a]))

/** Every setting that names a file, and settings under which each of them is read. */
const names = settings.filter(({ purpose }) => /^(PEM )?[Ff]ile /.test(purpose)).map(({ name }) => name)
const postgres = { POSTGRES_HOST: 'db', POSTGRES_SSLMODE: 'verify-ca' }
const readBeside: Readonly<Record<string, Environment>> = {
  KVS_FORWARD: { FORWARDING_ADDRESS: 'https://kvs:8080' },
  KVS_PEER: { KVS_PEERS: 'https://site-b:8080' },
}

test('these are the settings that name a file', () => {
  expect(names).toEqual([
    ...['POSTGRES_PASSWORD_FILE', 'POSTGRES_SSLROOTCERT', 'POSTGRES_SSLCERT', 'POSTGRES_SSLKEY', 'KVS_TOKENS_FILE'],
    ...['KVS_TLS_CERT', 'KVS_TLS_KEY', 'KVS_TLS_CLIENT_CA'],
    ...['KVS_PEER_TOKEN_FILE', 'KVS_PEER_CA', 'KVS_PEER_CERT', 'KVS_PEER_KEY'],
    ...['KVS_FORWARD_CA', 'KVS_FORWARD_CERT', 'KVS_FORWARD_KEY'],
  ])
})

describe.each(names)('%s', (name) => {
  const [, env = postgres] = Object.entries(readBeside).find(([prefix]) => name.startsWith(prefix)) ?? []
  const beside = name === 'KVS_TLS_CLIENT_CA' ? { KVS_TLS_CERT: at('none'), KVS_TLS_KEY: at('none') } : {}

  test.each([
    ['nowhere', /^\S+ names a file that can['’]t be read \(ENOENT\)$/],
    ['directory', /^\S+ names a directory$/],
    ['pipe', /^\S+ names what is no regular file$/],
    ['empty', /^\S+ (names an empty file|names a file without|has no token in it)/],
    ['binary', /^\S+ names a file that is not UTF-8$/],
  ])('ends the start where it names what is %s', (file, problem) => {
    const problems = problemsOf({ ...env, ...beside, [name]: at(file) }).filter(
      (text) => text.startsWith(`${name} names`) || text.startsWith(`${name} has`),
    )
    expect(problems).toEqual([expect.stringMatching(problem)])
    expect(problems.join()).not.toContain(directory)
  })
})
