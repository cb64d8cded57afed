import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './docker.ts'

/** The command of docs/operations.md that begins so, with a test's own names in the place of the documented ones. */
export function documented(command: string, names: Readonly<Record<string, string>>): string {
  const docs = readFileSync(join(root, 'docs/operations.md'), 'utf8')
  const line = docs.split('\n').find((line) => line.startsWith(`$ ${command}`))
  if (line === undefined) throw new Error(`docs/operations.md has no ${command}`)
  return Object.entries(names).reduce((text, [name, own]) => text.replace(name, own), line.slice(2))
}
