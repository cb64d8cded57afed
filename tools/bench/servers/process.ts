import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'

export interface ProcessOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  /** A file: what reads a pipe would take part of the machine. */
  readonly output: string
  readonly uid?: number
  readonly gid?: number
  /** Gets messages over Node's channel. */
  readonly onMessage?: (message: unknown) => void
}

export interface Process {
  readonly pid: number
  readonly child: ChildProcess
  /** All that it has written, to both outputs. */
  output(): string
  /** Throws, with its last lines, where it has ended. */
  requireRunning(): void
  /** Resolves when it has ended; after thirty seconds it is killed. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

export async function startProcess(options: ProcessOptions): Promise<Process> {
  const { command, args, cwd, output, onMessage, uid, gid } = options
  const file = openSync(output, 'a')
  const child = spawn(command, args, {
    cwd,
    env: options.env ?? { PATH: process.env.PATH },
    stdio: ['ignore', file, file, ...(onMessage ? (['ipc'] as const) : [])],
    // A group of its own: Ctrl-C is for the benchmark, which then ends it.
    detached: true,
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  })
  closeSync(file)
  const exit = once(child, 'exit').catch(() => undefined)
  await once(child, 'spawn')
  if (onMessage) child.on('message', onMessage)
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const lines = () => readFileSync(output, 'utf8')
  return {
    pid: child.pid ?? 0,
    child,
    output: lines,
    requireRunning() {
      if (!hasEnded()) return
      const last = lines().trim().split('\n').slice(-10).join('\n')
      throw new Error(`${command} ended (${child.signalCode ?? child.exitCode}):\n${last}`)
    },
    async stop(signal = 'SIGTERM') {
      if (hasEnded()) return
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
      await exit
      clearTimeout(timer)
    },
  }
}
