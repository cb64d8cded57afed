import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs that the benchmark uses, and the Debian packages that have them. */
export const tools = {
  wrk: 'wrk',
  etcd: 'etcd-server',
  'redis-server': 'redis-server',
  'redis-benchmark': 'redis-tools',
  pgbench: 'postgresql-contrib',
  haproxy: 'haproxy',
} as const

export type Tool = keyof typeof tools

/** Finds a program's absolute path; undefined if it is not installed. Debian keeps some outside a user's PATH. */
export function findTool(tool: Tool): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin']
  return directories
    .filter(Boolean)
    .map((directory) => join(directory, tool))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Returns the command that installs the missing programs. */
export function adviceFor(missing: readonly Tool[]): string {
  const packages = [...new Set(missing.map((tool) => tools[tool]))]
  return `apt-get install --no-install-recommends ${packages.join(' ')}`
}
