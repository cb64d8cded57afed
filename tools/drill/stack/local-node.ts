import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LocalService } from './local-service.ts'

const service = fileURLToPath(new URL('../../../kvs/main.ts', import.meta.url))
const largestOutput = 16 * 1024 * 1024

export interface LocalNodeOptions {
  readonly directory: string
  /** Of its own directory in that one. */
  readonly name: string
  readonly main?: string
  readonly env: Readonly<Record<string, string>>
}

export interface LocalNode extends LocalService {
  memory(): Promise<number | undefined>
  output(): string
}

/** kvs as a process; the same directory at every start. */
export function makeLocalNode({ directory, name, main = service, env }: LocalNodeOptions): LocalNode {
  let child: ChildProcess | undefined
  let output = ''

  const runs = () => child !== undefined && child.exitCode === null && child.signalCode === null

  async function end(signal: NodeJS.Signals): Promise<number> {
    if (child === undefined) return 0
    if (runs()) {
      const exit = once(child, 'exit')
      child.kill(signal)
      if (signal !== 'SIGKILL') child.kill('SIGCONT')
      await exit
    }
    return child.exitCode ?? 137
  }

  return {
    async start() {
      if (runs()) return
      child = spawn(process.execPath, [main], {
        cwd: directory,
        env: { PATH: process.env.PATH, TMPDIR: tmpdir(), KVS_DATA_DIR: join(directory, name), ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own: Ctrl-C is for the drill, which then ends it.
        detached: true,
      })
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk) => (output = (output + chunk).slice(-largestOutput)))
      }
      await once(child, 'spawn')
    },
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    pause: async () => void child?.kill('SIGSTOP'),
    resume: async () => void child?.kill('SIGCONT'),
    async memory() {
      if (!runs()) return undefined
      const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(child?.pid)])
      return Number(stdout.trim()) * 1024
    },
    output: () => output,
  }
}
