import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** A command of a document, with the output that the document shows. */
export interface Example {
  readonly command: string
  readonly output: string
}

/** The commands in the console blocks of a document's section. A command may be continued by a backslash. */
export function examplesIn(document: string, heading: string): Example[] {
  const text = readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8')
  const [, section] = text.split(new RegExp(`^## ${heading}$`, 'm'))
  if (section === undefined) throw new Error(`${document} has no section ${heading}`)
  const [own = ''] = section.split(/^## /m)
  return [...own.matchAll(/^```console\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((example) => {
        const [, command = '', output = ''] = /^((?:.*\\\n)*.*)\n([\s\S]*)$/.exec(example) ?? []
        return { command, output }
      }),
  )
}

/** Runs a command in a shell, with a node's address in the place of the documents'. */
export async function runExample({ command }: Example, url: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command.replaceAll('http://localhost:8080', url)])
  return stdout.replaceAll('\r\n', '\n')
}

/** What is another thing each time, in the place of which words stand. */
const varying: readonly (readonly [pattern: RegExp, word: string])[] = [
  [/\b[0-9a-f]{8}-\d+-[0-9a-f]{8}\b/g, 'TAG'],
  [/\b[0-9a-f]{8}=\d+/g, 'POSITION'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'MOMENT'],
  [/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g, 'DATE'],
  [/^(X-TTL): \d+$/gm, '$1: SECONDS'],
]

/** The output without what is another thing each time, and without an end of its last line. */
export function withoutVarying(output: string): string {
  return varying.reduce((text, [pattern, word]) => text.replaceAll(pattern, word), output).trimEnd()
}
