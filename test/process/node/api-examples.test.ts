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
    .replace(/\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, 'MOMENT')
    .replace(/^(X-TTL): \d+$/, '$1: SECONDS')
}

/** Whether lines are those of the document, in which `…` stands for any number of them. */
function isAsShown(printed: readonly string[], shown: readonly string[]): boolean {
  const [first, ...rest] = shown
  if (first === undefined) return printed.length === 0
  if (first !== '…') return first === printed[0] && isAsShown(printed.slice(1), rest)
  return printed.some((_, skipped) => isAsShown(printed.slice(skipped), rest)) || rest.length === 0
}

/** A shell's variables: those that an example sets are there for the next ones. */
type Variables = Record<string, string>

async function run(command: string, url: string, variables: Variables): Promise<string[]> {
  const [, name] = /^(\w+)=\$\(/.exec(command) ?? []
  const asked = name === undefined ? command : `${command}; printf %s "$${name}"`
  const shell = spawn('bash', ['-c', asked.replaceAll('http://localhost:8080', url)], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [printed] = await Promise.all([text(shell.stdout), once(shell, 'close')])
  if (name !== undefined) variables[name] = printed
  return (name === undefined ? printed : '')
    .replaceAll('\r', '')
    .trimEnd()
    .split('\n')
    .filter((line, at) => at > 0 || line !== '')
}

/** The sections of a document that have consoles, by their headings. */
function sectionsIn(name: string): [name: string, heading: string, text: string][] {
  const document = readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')
  return document
    .split(/^## /m)
    .filter((section) => examplesIn(section).length > 0)
    .map((section) => [name, section.slice(0, section.indexOf('\n')), section])
}

const sections = [...sectionsIn('api.md'), ...sectionsIn('recipes.md')]

test('there are examples of all that takes more than a line', () => {
  expect(sections.map(([, heading]) => heading)).toEqual([
    ...['Expiry', 'Lists', 'Transactions and counters', 'A lock', 'Leader election'],
  ])
})

test.each(sections)('what docs/%s shows under “%s” is what a fresh node prints', async (_, __, section) => {
  const env = toEnvironment((await makeDatabase()).target)
  const { url } = await startReadyNode(makeDirectory(), { ...env, KVS_ALLOW_CLEAR: 'true' })
  const variables: Variables = {}
  for (const { command, printed } of examplesIn(section)) {
    const lines = (await run(command, url, variables)).map(withoutChance)
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
