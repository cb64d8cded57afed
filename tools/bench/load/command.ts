import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpuOf } from '../measure/proc.ts'

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly signal?: AbortSignal | undefined
}

/** Runs a program to its end and resolves with what it printed and the CPU time it took, to a twentieth of a second. */
export async function runCommand(command: string, args: readonly string[], { env, cwd, signal }: CommandOptions = {}) {
  const child = spawn(command, args, { env: env ?? process.env, cwd, signal, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data) => (stdout += data))
  child.stderr.on('data', (data) => (stderr += data))
  let seconds = 0
  const readCpu = () => {
    const { user, system } = cpuOf(child.pid ?? 0)
    seconds = Math.max(seconds, user + system)
  }
  const timer = setInterval(readCpu, 50)
  try {
    const [code, ended] = await once(child, 'close')
    if (code !== 0) throw new Error(`${command} ended (${ended ?? code}): ${(stderr || stdout).trim().slice(-2000)}`)
    return { stdout, stderr, seconds }
  } finally {
    clearInterval(timer)
  }
}
