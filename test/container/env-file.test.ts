import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { meanings, refusals, traps } from '../unit/config/env-texts.ts'
import { describeWithDocker } from './docker.ts'

/**
 * What Compose makes of an `.env`: the values that a service would get for names; rejects where it refuses the file.
 */
async function composeReads(text: string, names: readonly string[]): Promise<Record<string, string>> {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-env-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, '.env'), text)
  const environment = names.map((name) => `      ${name}: "\${${name}-unset}"\n`).join('')
  writeFileSync(join(directory, 'compose.yml'), `services:\n  x:\n    image: x\n    environment:\n${environment}`)
  const args = ['compose', '--project-directory', directory, '--file', join(directory, 'compose.yml')]
  const env = { PATH: process.env.PATH, HOME: process.env.HOME }
  const shown = JSON.parse(await docker([...args, 'config', '--format', 'json'], env))
  const entries = Object.entries(shown.services.x.environment as Record<string, string>)
  return Object.fromEntries(entries.map(([name, value]) => [name, value.replaceAll('$$', '$')]))
}

describeWithDocker('an .env and Compose', () => {
  test('each line means the same here and there', async () => {
    // A name of its own for each: Compose takes a second to be asked.
    const renamed = meanings.map(([line, value], index) => [
      `A${index}`,
      line.replaceAll(/\bA\b(?=\s*[=:])/g, `A${index}`),
      value,
    ])
    const text = ['B=1', 'C=', ...renamed.map(([, line]) => line)].join('\n')
    const names = renamed.map(([name = '']) => name)
    expect(await composeReads(text, names)).toEqual(Object.fromEntries(renamed.map(([name, , value]) => [name, value])))
  })

  test.each(refusals)('%j is refused there, too', async (text) => {
    await expect(composeReads(text, ['A'])).rejects.toThrow()
  })

  test.each(traps)('%j is not what it looks like', async (text) => {
    const looksLike = /A="?([^\n"]*)/.exec(text)?.[1]
    const read = await composeReads(text, ['A']).catch(() => ({ A: 'refused' }))
    expect(read.A).not.toBe(looksLike)
  })
})
