import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { root } from './paths.ts'

/** How `npm start` runs the service. */
export interface StartScript {
  /** Variables that it sets, with absolute paths. */
  readonly env: Readonly<Record<string, string>>
  /** Options of the node executable. */
  readonly node: readonly string[]
}

/**
 * Reads the start script of package.json, so that others can run the service in the same way. Throws if it runs
 * something else.
 */
export function readStartScript(): StartScript {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: { start: string } }
  const words = scripts.start.split(' ')
  const start = words.indexOf('node')
  if (start < 0 || words.at(-1) !== 'kvs/main.ts') throw new Error(`"${scripts.start}" is no "node … kvs/main.ts"`)
  const assignments = words.slice(0, start).filter((word) => word !== 'exec')
  // Its paths are relative to the root of the project.
  const env = assignments.map((assignment) => {
    const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(assignment) ?? []
    return [name, value.includes('/') ? resolve(root, value) : value]
  })
  return { env: Object.fromEntries(env), node: words.slice(start + 1, -1) }
}
