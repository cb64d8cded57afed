import { execFile } from 'node:child_process'
import { readFile, rm, stat } from 'node:fs/promises'
import { platform } from 'node:os'
import { basename, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import type { Clock } from '../../lib/clock.ts'

/**
 * Reads Postgres's own lock file: the pid in line 1, negative for a single-user backend, and the state ('ready') in
 * line 8. Undefined where there is none.
 */
export async function readLock(directory: string): Promise<{ pid: number; ready: boolean } | undefined> {
  const content = await readFile(join(directory, 'postmaster.pid'), 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (content === undefined) return undefined
  const lines = content.split('\n')
  return { pid: Number.parseInt(lines[0] ?? '', 10), ready: lines[7]?.trim() === 'ready' }
}

/**
 * Ends the server that an earlier, killed node left on this cluster, and removes a stale lock that would stop the next
 * one. Idempotent. Rejects where that server can't be ended, and where it is a single-user one, since somebody is at
 * work there.
 */
export async function clearLock(
  directory: string,
  warn: (message: string) => void,
  signal: AbortSignal,
  clock: Clock,
): Promise<void> {
  const lock = await readLock(directory)
  if (lock === undefined) return
  if (await serves(lock.pid, directory)) {
    warn(`ending the embedded Postgres an earlier node left running (pid ${lock.pid})`)
    await endServer(lock.pid, directory, signal, clock)
  }
  const pid = Math.abs(lock.pid)
  if (lock.pid < 0 && (await isSingleUser(pid))) {
    throw new Error(`a single-user Postgres (pid ${pid}) is at work on ${directory}: end it, then start again`)
  }
  // A live pid is now some other process (container restarts hand out the same pids; thread ids and zombies count as
  // well), and a lock without a pid was cut short: Postgres would refuse both. A dead pid is for Postgres to judge: it
  // looks for surviving backends in the shared memory that the file names.
  if (Number.isNaN(pid) || isAlive(pid)) await rm(join(directory, 'postmaster.pid'), { force: true })
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** Whatever its cluster: the lock names it, and a live one must not lose its lock because we may not look into it. */
async function isSingleUser(pid: number): Promise<boolean> {
  return /postgres --(single|boot) /.test(await commandLine(pid))
}

/** Whether the pid is a postmaster of this cluster. Checked before each signal. False for a zombie. */
async function serves(pid: number, directory: string): Promise<boolean> {
  if (!(pid > 0)) return false
  if (platform() !== 'linux') return (await commandLine(pid)).includes(`postgres -D ${directory} `)
  const [program = '', ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
  if (basename(program) !== 'postgres') return false
  const named = args[args.indexOf('-D') + 1] ?? ''
  // The working directory is right even after the cluster was moved, but root in a container may not read it.
  return (await sameFile(named, directory)) || (await sameFile(`/proc/${pid}/cwd`, directory))
}

/** The words of the command line, separated by blanks; empty where there is no such process, or it is a zombie. */
async function commandLine(pid: number): Promise<string> {
  try {
    if (platform() === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
    return (await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', `${pid}`])).stdout
  } catch {
    return ''
  }
}

async function sameFile(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([a, b].map((path) => stat(path).catch(() => undefined)))
  return left !== undefined && right !== undefined && left.ino === right.ino && left.dev === right.dev
}

/** Returns false where the process is gone. */
function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

async function endServer(pid: number, directory: string, signal: AbortSignal, clock: Clock): Promise<void> {
  // Fast shutdown, immediate shutdown, kill: see pg_ctl(1). None of them loses what was committed.
  for (const [name, patienceMs] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!(await serves(pid, directory))) return
    if (!sendSignal(pid, name)) return
    const deadline = clock.now() + patienceMs
    while (clock.now() < deadline) {
      signal.throwIfAborted()
      if (!(await serves(pid, directory))) return
      await clock.sleep(25)
    }
  }
  throw new Error(`the Postgres server with pid ${pid} on ${directory} can't be ended: end it, then start again`)
}
