import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'

/** A command that a document shows, and what it prints there. */
interface Example {
  readonly command: string
  readonly printed: readonly string[]
}

/** The commands of all consoles in a document, in their order. */
function examplesIn(document: string): Example[] {
  const consoles = [...document.matchAll(/^```console\n([\s\S]*?)^```$/gm)]
  return consoles.flatMap(([, lines = '']) =>
    lines
      .split(/^\$ /m)
      .slice(1)
      .map((one) => {
        const [, command = '', printed = ''] = /^((?:.*\\\n)*.*)\n([\s\S]*)$/.exec(one) ?? []
        return { command, printed: printed.trimEnd() === '' ? [] : printed.trimEnd().split('\n') }
      }),
  )
}

/** Names that a log, its entries and its clock give, as they would be in every log. */
function withoutChance(line: string): string {
  return line
    .replace(/\b[0-9a-f]{8}-(\d+)-[0-9a-f]{8}\b/g, 'LOGID-$1-MARK')
    .replace(/\b[0-9a-f]{8}=(\d+)/g, 'LOGID=$1')
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'MOMENT')
}

/** Whether lines are those of the document, in which `…` stands for any number of them. */
function isAsShown(printed: readonly string[], shown: readonly string[]): boolean {
  const [first, ...rest] = shown
  if (first === undefined) return printed.length === 0
  if (first !== '…') return first === printed[0] && isAsShown(printed.slice(1), rest)
  return printed.some((_, skipped) => isAsShown(printed.slice(skipped), rest)) || rest.length === 0
}

async function run(command: string, url: string): Promise<string[]> {
  const shell = spawn('bash', ['-c', command.replaceAll('http://localhost:8080', url)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [printed] = await Promise.all([text(shell.stdout), once(shell, 'close')])
  return printed
    .replaceAll('\r', '')
    .trimEnd()
    .split('\n')
    .filter((line, at) => at > 0 || line !== '')
}

test('what docs/api.md shows of curl is what a fresh node prints, command by command', async () => {
  const env = toEnvironment((await makeDatabase()).target)
  const { url } = await startReadyNode(makeDirectory(), { ...env, KVS_ALLOW_CLEAR: 'true' })
  const examples = examplesIn(readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8'))
  expect(examples.length).toBeGreaterThan(15)
  for (const { command, printed } of examples) {
    const lines = (await run(command, url)).map(withoutChance)
    const shown = printed.map(withoutChance)
    if (!isAsShown(lines, shown)) expect(`$ ${command}\n${lines.join('\n')}`).toBe(`$ ${command}\n${shown.join('\n')}`)
  }
})

test('a line that a document shows has to be printed, and none beside it but where it says so', () => {
  expect(isAsShown(['a', 'b', 'c'], ['a', 'b', 'c'])).toBe(true)
  expect(isAsShown(['a', 'b', 'c'], ['a', '…', 'c'])).toBe(true)
  expect(isAsShown(['a', 'c'], ['a', '…', 'c'])).toBe(true)
  expect(isAsShown(['a', 'b', 'c'], ['a', '…'])).toBe(true)
  expect(isAsShown(['a', 'b', 'c'], ['a', 'c'])).toBe(false)
  expect(isAsShown(['a', 'b'], ['a', '…', 'c'])).toBe(false)
  expect(isAsShown(['a', 'b'], [])).toBe(false)
  expect(isAsShown([], ['a'])).toBe(false)
})
