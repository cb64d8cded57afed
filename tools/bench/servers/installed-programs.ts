import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The program that is looked for, and the Debian package that brings it. */
export const tools = {
  wrk: 'wrk',
  etcd: 'etcd-server',
  'redis-server': 'redis-server',
  'redis-benchmark': 'redis-tools',
  pgbench: 'postgresql-contrib',
  haproxy: 'haproxy',
} as const

export type Tool = keyof typeof tools

/** Absolute; undefined where it is not installed. Debian keeps etcd and Postgres's programs where only root looks. */
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

/** What to type to get them, with what they are missed for. */
export function adviceFor(missing: readonly Tool[]): string {
  const packages = [...new Set(missing.map((tool) => tools[tool]))]
  return `apt-get install --no-install-recommends ${packages.join(' ')}`
}
