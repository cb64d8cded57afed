import { execFileSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseTokenSetting, readTokenFile } from '../../../kvs/access/token-source.ts'
import { makeDirectory } from '../../support/node.ts'

const secret = '0123456789abcdef'
const setting = 'KVS_TOKENS_FILE'

function fileOf(content: string | Buffer, mode = 0o600): string {
  const path = join(makeDirectory(), 'tokens')
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

function makePipe(): string {
  const path = join(makeDirectory(), 'tokens')
  execFileSync('mkfifo', [path])
  return path
}

const namesIn = (content: string) => readTokenFile(setting, fileOf(content)).tokens.map(({ name }) => name)

test('a file has a token a line, between blank lines and comments', () => {
  expect(namesIn(`# who\n\na:read:${secret}a\n  # may\n  b:read:${secret}b  \n`)).toEqual(['a', 'b'])
  expect(namesIn(`\uFEFF# who\r\na:read:${secret}a\r\n\r\nb:read:${secret}b\r\n`)).toEqual(['a', 'b'])
})

test('a line that is not ended may lack its prefixes, and is a problem', () => {
  const content = `a:read:${secret}a\nb:read:${secret}b:only/`
  for (let end = 1; end <= content.length; end++) {
    const isEnded = content[end - 1] === '\n'
    const cutShort = 'KVS_TOKENS_FILE: its last line is cut short: end it with a line feed'
    expect(readTokenFile(setting, fileOf(content.slice(0, end))).problems.includes(cutShort)).toBe(!isEnded)
  }
  expect(readTokenFile(setting, fileOf(`${content}\n`)).problems).toEqual([])
})

test('what is wrong in a file is said with the number of its line, and none of its tokens', () => {
  const content = `# who\n\na:read:${secret}\nb:reed:${secret}b\n\nc:read:S3CRET\n`
  expect(readTokenFile(setting, fileOf(content)).problems).toEqual([
    'KVS_TOKENS_FILE: line 4 (b): what follows the name are no rights: write read, write, clear, replicate, admin, or several joined by +, such as read+write',
    'KVS_TOKENS_FILE: line 6 (c): the token has 6 characters: make one of 16 or more (openssl rand -hex 32)',
  ])
})

test.each<[string, () => string, RegExp]>([
  ['that is not there', () => '/nowhere/S3CRET', /^KVS_TOKENS_FILE names a file that can’t be read \(ENOENT\)$/],
  ['that is a directory', makeDirectory, /^KVS_TOKENS_FILE names a directory$/],
  ['that waits for who writes it', makePipe, /^KVS_TOKENS_FILE names what is no regular file$/],
  ['that is endless', () => '/dev/zero', /^KVS_TOKENS_FILE names what is no regular file$/],
  [
    'that is too large',
    () => fileOf(`${'#'.repeat(1_048_576)}\n`),
    /^KVS_TOKENS_FILE names a file of more than 1048576/,
  ],
  ['that is no text', () => fileOf(Buffer.from([0x61, 0xff])), /is not UTF-8$/],
  ['that is empty', () => fileOf(''), /has no token in it$/],
  ['of comments', () => fileOf('# none\n\n'), /has no token in it$/],
])('a file %s is a problem', (_, makePath, problem) => {
  const { tokens, problems } = readTokenFile(setting, makePath())
  expect(tokens).toEqual([])
  expect(problems).toEqual([expect.stringMatching(problem)])
})

test('of many problems the first are told, and how many more there are', () => {
  const lines = Array.from({ length: 5_000 }, (_, index) => `x${index}\n`)
  const { problems } = readTokenFile(setting, fileOf(lines.join('')))
  expect(problems).toHaveLength(11)
  expect(problems[9]).toMatch(/^KVS_TOKENS_FILE: line 10: is no token/)
  expect(problems[10]).toBe('KVS_TOKENS_FILE: and 4990 more')
})

test('a file that everybody can read is warned of, unless it has digests only', () => {
  const hashed = `a:read:sha256=${'0'.repeat(64)}\n`
  const clear = `b:read:${secret}\n`
  expect(readTokenFile(setting, fileOf(clear, 0o640)).warnings).toEqual([])
  expect(readTokenFile(setting, fileOf(hashed, 0o644)).warnings).toEqual([])
  expect(readTokenFile(setting, fileOf(`${hashed}${clear}`, 0o644)).warnings).toEqual([
    expect.stringMatching(/^KVS_TOKENS_FILE: every user of this machine can read the tokens: chmod o-r/),
  ])
})

test.each([0o620, 0o602])('a file that others can write, %o, is warned of, whatever is in it', (mode) => {
  expect(readTokenFile(setting, fileOf(`a:read:sha256=${'0'.repeat(64)}\n`, mode)).warnings).toEqual([
    'KVS_TOKENS_FILE: others than its owner can write tokens of their own into it: chmod go-w',
  ])
})

test('a setting has its tokens between white space', () => {
  const { tokens, problems } = parseTokenSetting(
    'KVS_TOKENS',
    `  a:read:${secret}a\n\tb:read:${secret}b:x,y c:reed:${secret}c `,
  )
  expect(tokens.map(({ name }) => name)).toEqual(['a', 'b'])
  expect(problems).toEqual([expect.stringMatching(/^KVS_TOKENS: token 3 \(c\): what follows the name are no rights/)])
  expect(parseTokenSetting('KVS_TOKENS', ' \n').problems).toEqual(['KVS_TOKENS has no token in it'])
})
