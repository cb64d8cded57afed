import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../tools/lab/paths.ts'

/** The command that begins so in a document, with a test's own names in the place of the documented ones. */
export function documented(
  command: string,
  names: Readonly<Record<string, string>>,
  document = 'docs/operations.md',
): string {
  const docs = readFileSync(join(root, document), 'utf8')
  const line = docs.split('\n').find((line) => line.startsWith(`$ ${command}`))
  if (line === undefined) throw new Error(`${document} has no ${command}`)
  return Object.entries(names).reduce((text, [name, own]) => text.replaceAll(name, own), line.slice(2))
}
