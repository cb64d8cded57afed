import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'

export interface ProcessOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Complete environment; PATH alone by default. */
  readonly env?: NodeJS.ProcessEnv
  /**
   * File that stdout and stderr are appended to. Without it they come through pipes and are kept in memory, which takes
   * CPU time that a benchmark would measure.
   */
  readonly outputFile?: string
  readonly uid?: number
  readonly gid?: number
  /** Receives the process's messages over Node's IPC channel. */
  readonly onMessage?: (message: unknown) => void
  /** Puts the process into a process group of its own, so that Ctrl-C reaches its parent alone, which then ends it. */
  readonly ownGroup?: boolean
}

export interface Process {
  readonly pid: number
  readonly child: ChildProcess
  /** Both outputs so far; at most the last 16 MiB of them unless they go to a file. */
  output(): string
  isRunning(): boolean
  /** Resolves with the exit code, or with the signal that ended the process. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** Throws an error with the last lines of the output if the process has ended. */
  requireRunning(): void
  kill(signal: NodeJS.Signals): void
  /**
   * Sends a signal, SIGTERM by default, and SIGKILL after thirty seconds. Resolves when the process has ended.
   * Idempotent.
   */
  stop(signal?: NodeJS.Signals): Promise<void>
}

const largestOutput = 16 * 1024 * 1024

/** Starts a program and resolves once it runs. Rejects if it cannot be started. */
export async function startProcess(options: ProcessOptions): Promise<Process> {
  const started = spawnProcess(options)
  if (started.child.pid === undefined) await once(started.child, 'spawn')
  return started
}

/** Starts a program and returns at once. */
export function spawnProcess(options: ProcessOptions): Process {
  const { command, args, cwd, env = { PATH: process.env.PATH }, outputFile, onMessage, uid, gid } = options
  const file = outputFile === undefined ? undefined : openSync(outputFile, 'a')
  const stream = file ?? ('pipe' as const)
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', stream, stream, ...(onMessage ? (['ipc'] as const) : [])],
    detached: options.ownGroup ?? false,
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  })
  if (file !== undefined) closeSync(file)
  if (onMessage) child.on('message', onMessage)
  let kept = ''
  for (const pipe of [child.stdout, child.stderr]) {
    pipe?.on('data', (chunk) => (kept = (kept + chunk).slice(-largestOutput)))
  }
  const output = () => (outputFile === undefined ? kept : readFileSync(outputFile, 'utf8'))
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal)
  ended.catch(() => undefined) // a program that cannot be started is told by startProcess
  return {
    pid: child.pid ?? 0,
    child,
    output,
    isRunning,
    ended,
    requireRunning() {
      if (isRunning()) return
      const last = output().trim().split('\n').slice(-10).join('\n')
      throw new Error(`${command} ended (${child.signalCode ?? child.exitCode}):\n${last}`)
    },
    kill: (signal) => void child.kill(signal),
    async stop(signal = 'SIGTERM') {
      if (!isRunning()) return
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
      await ended.catch(() => undefined)
      clearTimeout(timer)
    },
  }
}
