import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { makeOpenApiDocument } from '../../kvs/http/api/openapi/document.ts'
import { root } from '../../tools/lab/paths.ts'

/** Lints a document by the rules in redocly.yaml, and returns the names of those that it breaks. */
async function lint(document: object): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-openapi-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'openapi.json')
  writeFileSync(file, JSON.stringify(document))
  const args = [
    `${root}node_modules/@redocly/cli/bin/cli.js`,
    'lint',
    file,
    '--format=json',
    `--config=${root}redocly.yaml`,
  ]
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env }).catch((error) => {
    if (typeof error.stdout === 'string' && error.stdout !== '') return error // it found something
    throw error
  })
  return JSON.parse(stdout).problems.map(({ ruleId, message }: Record<string, string>) => `${ruleId}: ${message}`)
}

test('the linter has nothing to say about openapi.json', async () => {
  expect(await lint(makeOpenApiDocument())).toEqual([])
})

test('the linter would have: of a reference that leads nowhere, and of a name that comes twice', async () => {
  const text = JSON.stringify(makeOpenApiDocument())
  const broken = text.replace('#/components/parameters/Key', '#/components/parameters/Kay')
  expect(await lint(JSON.parse(broken))).toContainEqual(expect.stringContaining('no-unresolved-refs'))
  const twice = text.replace('"operationId":"putValue"', '"operationId":"getValue"')
  expect(await lint(JSON.parse(twice))).toContainEqual(expect.stringContaining('operation-operationId-unique'))
})
