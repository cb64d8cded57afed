import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect } from 'vitest'

/** A command that a document shows, and the lines that it prints there. */
export interface Example {
  readonly command: string
  readonly printed: readonly string[]
}

/** The commands in the consoles of a document's section, in their order. A backslash continues a command. */
export function examplesIn(document: string, heading: string): Example[] {
  const text = readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8')
  const [, section] = text.split(new RegExp(`^## ${heading}$`, 'm'))
  if (section === undefined) throw new Error(`${document} has no section ${heading}`)
  const [own = ''] = section.split(/^## /m)
  return [...own.matchAll(/^```console\n([\s\S]*?)^```$/gm)].flatMap(([, lines = '']) =>
    lines
      .split(/^\$ /m)
      .slice(1)
      .map((one) => {
        const [, command = '', printed = ''] = /^((?:.*\\\n)*.*)\n([\s\S]*)$/.exec(one) ?? []
        return { command, printed: linesOf(printed) }
      }),
  )
}

/** Runs the command in a shell, with a node's address in the place of the documents', and holds it to what is shown. */
export async function expectAsShown({ command, printed }: Example, url: string): Promise<void> {
  const run = promisify(execFile)
  const { stdout } = await run('bash', ['-c', command.replaceAll('http://localhost:8080', url)])
  const lines = linesOf(stdout.replaceAll('\r', '')).map(withoutChance)
  const shown = printed.map(withoutChance)
  if (!isAsShown(lines, shown)) expect(`$ ${command}\n${lines.join('\n')}`).toBe(`$ ${command}\n${shown.join('\n')}`)
}

/** Whether lines are those of the document, in which `…` stands for any number of them. */
export function isAsShown(printed: readonly string[], shown: readonly string[]): boolean {
  const [first, ...rest] = shown
  if (first === undefined) return printed.length === 0
  if (first !== '…') return first === printed[0] && isAsShown(printed.slice(1), rest)
  return printed.some((_, skipped) => isAsShown(printed.slice(skipped), rest)) || rest.length === 0
}

function linesOf(text: string): string[] {
  const trimmed = text.trim()
  return trimmed === '' ? [] : trimmed.split('\n')
}

/** Puts words in the place of what a log, its entries and its clock give, which is another thing in every log. */
function withoutChance(line: string): string {
  return line
    .replace(/\b[0-9a-f]{8}-(\d+)-[0-9a-f]{8}\b/g, 'LOGID-$1-MARK')
    .replace(/\b[0-9a-f]{8}=(\d+)/g, 'LOGID=$1')
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'MOMENT')
    .replace(/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g, 'DATE')
    .replace(/^(X-TTL): \d+$/, '$1: SECONDS')
}
