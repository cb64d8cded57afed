import type { ChildProcess } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { PostgresTarget } from '../../kvs/config/postgres-target.ts'
import { spawnNodeProcess } from '../../tools/lab/node-process.ts'
import { clusterIn, readServerPid } from '../../tools/lab/postgres.ts'
import { listProcesses } from './leftovers.ts'
import { until } from './until.ts'

/** A running kvs/main.ts, as a process of its own on a free port. */
export interface Node {
  readonly process: ChildProcess
  readonly url: string
  /** All it has printed so far. */
  output(): string
  kill(signal: NodeJS.Signals): void
  /** Settles with the exit code, or the signal it died of. */
  readonly ended: Promise<number | NodeJS.Signals | null>
}

/**
 * A directory of the test's own, gone with it, once the last program has: an initdb goes on after its node was killed.
 */
export function makeDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'kvs-node-'))
  chmodSync(path, 0o755)
  onTestFinished(async () => {
    await until(`no process works in ${path}`, () => listProcesses(path).length === 0)
    rmSync(path, { recursive: true, force: true })
  })
  return path
}

/** What tells a node to use a database of the tests' own server. */
export function toEnvironment({ host, port, database, user }: PostgresTarget): Record<string, string> {
  return { POSTGRES_HOST: host, POSTGRES_PORT: String(port), POSTGRES_DB: database, POSTGRES_USER: user }
}

/**
 * Starts a node and waits until it listens; it need not be ready. Ends it, and its embedded Postgres, with the test.
 */
export async function startNode(
  directory: string,
  env: Record<string, string> = {},
  limits: Limits = {},
): Promise<Node> {
  const node = spawnNode(directory, env, limits)
  const [, url] = await until('the node listens', () => {
    if (node.process.exitCode !== null) throw new Error(`the node ended:\n${node.output()}`)
    return /listening on (https?:\/\/[^"\s]+)/.exec(node.output()) ?? undefined
  })
  return { ...node, url: url ?? '' }
}

export async function startReadyNode(directory: string, env: Record<string, string> = {}): Promise<Node> {
  const node = await startNode(directory, env)
  await serves(node)
  return node
}

/** In step with its log, nothing left in the spool. */
export function serves({ url }: Pick<Node, 'url'>): Promise<unknown> {
  return until(
    'the node serves',
    async () => (await (await fetch(`${url}/readyz`).catch(() => undefined))?.text())?.includes('"state":"serving"'),
    60_000,
  )
}

/** What a process may use at most. */
export interface Limits {
  /** File descriptors. */
  readonly openFiles?: number
}

export function spawnNode(
  directory: string,
  env: Record<string, string>,
  { openFiles }: Limits = {},
): Omit<Node, 'url'> {
  const node = spawnNodeProcess({
    directory,
    env: { PORT: '0', ...env },
    ...(openFiles !== undefined && { openFiles }),
  })
  onTestFinished(async () => {
    node.kill('SIGKILL')
    await node.ended
    await endEmbedded(directory)
  })
  return { process: node.child, output: node.output, ended: node.ended, kill: node.kill }
}

/** Reads the pid of the embedded Postgres of a node's directory, from its own lock file. */
export function embeddedPid(directory: string): number | undefined {
  return readServerPid(clusterIn(join(directory, 'data')))
}

/** Waits for its end as well: a server that is ending writes files into a directory that is being removed. */
async function endEmbedded(directory: string): Promise<void> {
  const pid = embeddedPid(directory)
  if (pid === undefined) return
  try {
    process.kill(pid, 'SIGQUIT')
  } catch {
    return // it ended with its node
  }
  await until('the embedded Postgres has removed its lock', () => embeddedPid(directory) !== pid)
}
