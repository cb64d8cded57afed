import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startMain } from '../../support/main.ts'
import { makeDirectory, spawnNode, startNode } from '../../support/node.ts'
import { testAsRoot } from '../../support/skips.ts'

const forwarding = 'FORWARDING_ADDRESS=127.0.0.1:1'

/** Makes the `.env` of a directory of its own. */
function withEnv(make: (path: string) => void): string {
  const directory = makeDirectory()
  make(join(directory, '.env'))
  return directory
}

const cases: readonly (readonly [string, (path: string) => void, RegExp])[] = [
  ['is a directory', (path) => mkdirSync(path), /^\s*\.env is a directory: it has to be a file of settings$/m],
  ['is a pipe', (path) => execFileSync('mkfifo', [path]), /^\s*\.env is what is no regular file/m],
  ['links to nothing', (path) => symlinkSync('nowhere', path), /^\s*\.env is a link to nothing$/m],
  ['links to itself', (path) => symlinkSync('.env', path), /^\s*\.env can’t be read \(ELOOP\)$/m],
  ['is UTF-16', (path) => writeFileSync(path, `\uFEFF${forwarding}\n`, 'utf16le'), /^\s*\.env is not UTF-8/m],
  ['is empty', (path) => writeFileSync(path, ''), /^\s*\.env sets nothing: fill it in, or remove it$/m],
  ['has comments only', (path) => writeFileSync(path, `#${forwarding}\n`), /^\s*\.env sets nothing/m],
  [
    'has a line that sets nothing',
    (path) => writeFileSync(path, `${forwarding}\nKVS_TOKENS S3CRET\n`),
    /^\s*\.env: line 2 is not of the form NAME=value$/m,
  ],
  [
    'has a dollar before what is not set',
    (path) => writeFileSync(path, `${forwarding}\nPOSTGRES_PASSWORD=ab$S3CRET\n`),
    /^\s*\.env: line 2: the value of POSTGRES_PASSWORD has a \$ before a name that is not set/m,
  ],
]

test.each(cases)('an .env that %s ends the start with 78', async (_, make, message) => {
  const node = spawnNode(withEnv(make), {})
  expect(await node.ended).toBe(78)
  expect(node.output()).toMatch(message)
  expect(node.output()).not.toContain('S3CRET')
})

testAsRoot('an .env that may not be read ends the start with 78', async () => {
  const directory = withEnv((path) => {
    writeFileSync(path, `${forwarding}\n`)
    chmodSync(path, 0o600)
  })
  const { status, stderr } = startMain([], { cwd: directory, uid: 65_534 })
  expect([status, stderr]).toEqual([78, 'the configuration is not valid:\n  .env can’t be read (EACCES)\n'])
})

test('without an .env there is nothing to say, and with one its values are those that Compose reads', async () => {
  const none = await startNode(makeDirectory(), { FORWARDING_ADDRESS: '127.0.0.1:1' })
  expect(none.output()).not.toContain('.env')
  const directory = withEnv((path) =>
    writeFileSync(path, '\uFEFFTARGET=127.0.0.1\r\nexport FORWARDING_ADDRESS="$TARGET:7" # there\r\n'),
  )
  const some = await startNode(directory)
  expect(some.output()).toContain('forwarding every request to http://127.0.0.1:7')
})

test('the .env.example can be copied as it is', () => {
  const example = fileURLToPath(new URL('../../../.env.example', import.meta.url))
  const directory = withEnv((path) => spawnSync('cp', [example, path]))
  const { status, stderr } = startMain(['--check'], { cwd: directory })
  expect([status, stderr]).toEqual([0, ''])
})
