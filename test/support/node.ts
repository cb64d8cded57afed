import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { PostgresTarget } from '../../kvs/config/postgres-target.ts'
import { listProcesses } from './leftovers.ts'
import { until } from './until.ts'

const main = fileURLToPath(new URL('../../kvs/main.ts', import.meta.url))

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

/** A directory of the test's own, gone with it, once the last program has: an initdb goes on after its node was killed. */
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

/** Starts a node and waits until it listens; it need not be ready. Ends it, and its embedded Postgres, with the test. */
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

/** What a process may have. */
export interface Limits {
  readonly openFiles?: number
}

export function spawnNode(
  directory: string,
  env: Record<string, string>,
  { openFiles }: Limits = {},
): Omit<Node, 'url'> {
  // The shell becomes the node.
  const limiting = openFiles === undefined ? [] : ['sh', '-c', `ulimit -n ${openFiles} && exec "$@"`, 'sh']
  const [command = '', ...args] = [...limiting, process.execPath, main]
  const child = spawn(command, args, {
    cwd: directory,
    env: { PATH: process.env.PATH, TMPDIR: tmpdir(), PORT: '0', KVS_DATA_DIR: join(directory, 'data'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
    await endEmbedded(directory)
  })
  return { process: child, output: () => output, ended, kill: (signal) => void child.kill(signal) }
}

/** The pid of the embedded Postgres that belongs to a node's directory, from its own lock file. */
export function embeddedPid(directory: string): number | undefined {
  try {
    return Number(readFileSync(join(directory, 'data', 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
  } catch {
    return undefined
  }
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
