import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { root } from '../../../tools/lab/paths.ts'
import { serve } from '../../unit/http/serve.ts'

/** Runs a program with those that the repository has installed on its path. */
async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const PATH = `${root}node_modules/.bin:${process.env.PATH}`
  const { stdout } = await promisify(execFile)(command, args, { cwd, env: { ...process.env, PATH } })
  return stdout
}

/** Packs the client and installs the package into a new directory, as a program's own dependency. */
async function install(): Promise<{ directory: string; files: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-client-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const source = join(directory, 'source')
  cpSync(`${root}clients/typescript`, source, { recursive: true, filter: (path) => !path.endsWith('/dist') })
  const packed = JSON.parse(await run('npm', ['pack', '--json', '--loglevel=error'], source))
  const [{ filename, files }] = Array.isArray(packed) ? packed : Object.values(packed)
  const program = join(directory, 'program')
  mkdirSync(program)
  writeFileSync(join(program, 'package.json'), JSON.stringify({ name: 'program', private: true, type: 'module' }))
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(source, filename)], program)
  return { directory: program, files: files.map(({ path }: { path: string }) => path) }
}

const javaScript = `
import { KvsError, makeClient } from 'kvs-client'
import { makeKeyvStore } from 'kvs-client/keyv'
const client = makeClient({ url: process.argv[2] })
const { etag } = await client.put('a', 'hello')
const refused = await client.put('a', 'again', { ifNoneMatch: '*' }).catch((error) => error)
console.log(await makeKeyvStore(client).get('a'), refused instanceof KvsError && refused.code, refused.etag === etag)
`

const typeScript = `
import { type Client, type KvsError, makeClient, type Value } from 'kvs-client'
import { type KeyvStore, makeKeyvStore } from 'kvs-client/keyv'
export const client: Client = makeClient({ url: 'http://localhost', retry: { attempts: 2 } })
export const value: Promise<Value | undefined> = client.get('a', { consistent: true })
export const store: KeyvStore = makeKeyvStore(client, { prefix: 'a/' })
export const codeOf = (error: KvsError): string => error.code
// @ts-expect-error: a value is text or bytes
void client.put('a', 7)
`

test('the package installs into a program, which runs with it and type-checks against it', async () => {
  const { url } = await serve()
  const { directory, files } = await install()
  expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist/index.d.ts', 'dist/index.js']))
  expect(files.filter((path) => /\.ts$/.test(path) && !/\.d\.ts$/.test(path))).toEqual([])

  writeFileSync(join(directory, 'program.js'), javaScript)
  expect(await run(process.execPath, ['program.js', url], directory)).toBe('hello condition_failed true\n')

  writeFileSync(join(directory, 'program.ts'), typeScript)
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2022']
  const check = (...lib: string[]) =>
    run('tsc', [...strict, '--types', '', '--lib', lib.join(','), 'program.ts'], directory)
  await check('es2022', 'dom')
})
