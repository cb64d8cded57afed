import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { readConfig } from '../../../kvs/config/config.ts'
import type { Environment } from '../../../kvs/config/settings-table.ts'
import { makeDirectory } from '../../support/node.ts'
import { problemsOf } from './problems.ts'

const secret = '0123456789abcdef'
const tokens = `ci:read:${secret}`

function makeFile(content: string): string {
  const path = join(makeDirectory(), 'tokens')
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

test.each<Environment>([
  { KVS_HOST: '127.0.0.1' },
  { KVS_HOST: '::1' },
  { KVS_HOST: '0.0.0.0', KVS_TOKENS: tokens },
  { KVS_HOST: '0.0.0.0', KVS_ALLOW_ANONYMOUS: 'true' },
  { KVS_HOST: '0.0.0.0', KVS_ALLOW_ANONYMOUS: 'true', KVS_TOKENS: tokens },
  { KVS_HOST: '0.0.0.0', KVS_TOKENS: tokens, FORWARDING_ADDRESS: 'kvs:8080' },
])('%j is taken, without a warning', (env) => {
  expect(readConfig(env).warnings).toEqual([])
})

test.each<Environment>([
  { KVS_HOST: '0.0.0.0' },
  { KVS_HOST: '::', KVS_ALLOW_ANONYMOUS: 'false' },
  { KVS_HOST: '10.0.0.1' },
  { KVS_HOST: '0.0.0.0', FORWARDING_ADDRESS: '127.0.0.1:8080' },
])('%j would open the door to everybody, and is told the ways out', (env) => {
  const [problem, ...others] = problemsOf(env)
  expect(others).toEqual([])
  expect(problem).toMatch(/^KVS_HOST \(\S+\) can be reached from other machines, and no token is set/)
  for (const way of ['KVS_TOKENS_FILE or KVS_TOKENS', '127.0.0.1', 'KVS_ALLOW_ANONYMOUS=true']) {
    expect(problem).toContain(way)
  }
})

test('tokens are taken from either setting, and kept as digests', () => {
  for (const env of [{ KVS_TOKENS: tokens }, { KVS_TOKENS_FILE: makeFile(`${tokens}\n`) }]) {
    const config = readConfig({ ...env, KVS_MAX_REQUEST_RATE: '100' })
    expect(config.access).toMatchObject({ tokens: [{ name: 'ci' }], maxRequestRate: 100 })
    expect(inspect(config, { depth: 10, showHidden: true })).not.toContain(secret)
  }
})

test('all that is wrong with tokens is told beside all else, without a token', () => {
  const problems = problemsOf({ PORT: 'x', KVS_TOKENS: `a:reed:${secret} b:read:short`, KVS_MAX_REQUEST_RATE: '0' })
  expect(problems).toEqual([
    expect.stringMatching(/^PORT/),
    expect.stringMatching(/^KVS_MAX_REQUEST_RATE: "0" is not a whole number from 1 to 1000000, or unlimited/),
    expect.stringMatching(/^KVS_TOKENS: token 1 \(a\): what follows the name are no rights/),
    expect.stringMatching(/^KVS_TOKENS: token 2 \(b\): the token has 5/),
  ])
  expect(problems.join()).not.toContain(secret)
})

test('both settings, or a file that is not there, are a problem, and do not open the door', () => {
  expect(problemsOf({ KVS_TOKENS: tokens, KVS_TOKENS_FILE: makeFile(`${tokens}\n`) })).toEqual([
    'KVS_TOKENS and KVS_TOKENS_FILE are both set: keep one',
  ])
  expect(problemsOf({ KVS_HOST: '0.0.0.0', KVS_TOKENS_FILE: '/nowhere' })).toEqual([
    'KVS_TOKENS_FILE names a file that can’t be read (ENOENT)',
  ])
})

test.each(['KVS_TOKEN', 'KVS_TOKEN_FILE', 'TOKENS', 'KVS_TOKENSFILE'])(
  'a lock whose name is misspelt, %s, is no lock',
  (name) => {
    const env = { [name]: tokens, KVS_ALLOW_ANONYMOUS: 'true' }
    if (name === 'TOKENS') expect(problemsOf(env)).toEqual([])
    else expect(problemsOf(env)).toEqual([expect.stringMatching(`^${name} is not a setting; did you mean KVS_TOKENS`)])
  },
)

test.each<Environment>([
  { KVS_TOKENS: '' },
  { KVS_TOKENS: ' \n' },
  { KVS_TOKENS: '', KVS_TOKENS_FILE: '/nowhere' },
  { KVS_TOKENS: '', KVS_HOST: '0.0.0.0', KVS_ALLOW_ANONYMOUS: 'true', FORWARDING_ADDRESS: 'kvs:8080' },
])('a lock that is there and empty, %j, does not open the door', (env) => {
  expect(problemsOf(env)).toEqual(['KVS_TOKENS is set to nothing: give it tokens, or unset it to have none'])
})

test('so with the file’s name', () => {
  expect(problemsOf({ KVS_TOKENS_FILE: '', KVS_HOST: '0.0.0.0', KVS_ALLOW_ANONYMOUS: 'true' })).toEqual([
    'KVS_TOKENS_FILE is set to nothing: give it tokens, or unset it to have none',
  ])
})

test('everybody may clear keys where that is asked for; with tokens that is of no use', () => {
  expect(readConfig({}).access.allowsClear).toBe(false)
  expect(readConfig({ KVS_ALLOW_CLEAR: 'true' })).toMatchObject({ access: { allowsClear: true }, warnings: [] })
  expect(readConfig({ KVS_ALLOW_CLEAR: 'true', KVS_TOKENS: tokens }).warnings).toEqual([
    'not used: KVS_ALLOW_CLEAR; a token clears keys where it has the right clear',
  ])
  expect(problemsOf({ KVS_ALLOW_CLEAR: 'yes' })).toEqual([expect.stringMatching(/^KVS_ALLOW_CLEAR: /)])
})

test('a rate without tokens is of no use', () => {
  expect(readConfig({ KVS_MAX_REQUEST_RATE: '1' }).warnings).toEqual([
    'not used: KVS_MAX_REQUEST_RATE; it holds for each token, and none is set',
  ])
})
