import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** How `npm start` runs the service, so that the benchmark does the same: variables and options of Node's. */
export function readStartScript(): {
  readonly env: Readonly<Record<string, string>>
  readonly node: readonly string[]
} {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: { start: string } }
  const words = scripts.start.split(' ')
  const start = words.indexOf('node')
  if (start < 0 || words.at(-1) !== 'kvs/main.ts') throw new Error(`"${scripts.start}" is no "node … kvs/main.ts"`)
  const variables = words.slice(0, start).map((word) => word.split('=') as [string, string])
  // Its paths are from the root of the project.
  const env = Object.fromEntries(
    variables.map(([name, value]) => [name, value.includes('/') ? resolve(root, value) : value]),
  )
  return { env, node: words.slice(start + 1, -1) }
}
