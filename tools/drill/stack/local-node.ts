import { execFile } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { spawnNodeProcess } from '../../lab/node-process.ts'
import type { Process } from '../../lab/process.ts'
import type { LocalService } from './local-service.ts'

export interface LocalNodeOptions {
  /** Directory of the whole stack. */
  readonly directory: string
  /** Name of the node and of its data directory. */
  readonly name: string
  /** Program to run in place of the service. */
  readonly program?: string
  readonly env: Readonly<Record<string, string>>
}

export interface LocalNode extends LocalService {
  /** Resident memory in bytes; undefined while the node is down. */
  memory(): Promise<number | undefined>
  /** What the node has printed over all its starts. */
  output(): string
}

/** Makes a node that runs as a process, with the same data directory at every start. */
export function makeLocalNode({ directory, name, program, env }: LocalNodeOptions): LocalNode {
  let node: Process | undefined
  let earlierOutput = ''

  async function end(signal: NodeJS.Signals): Promise<number> {
    if (node === undefined) return 0
    if (node.isRunning()) {
      node.kill(signal)
      if (signal !== 'SIGKILL') node.kill('SIGCONT')
    }
    const ended = await node.ended
    return typeof ended === 'number' ? ended : 128 + constants.signals[ended ?? 'SIGKILL']
  }

  return {
    async start() {
      if (node?.isRunning()) return
      earlierOutput += node?.output() ?? ''
      const dataDirectory = join(directory, name)
      node = spawnNodeProcess({ directory, dataDirectory, env, ownGroup: true, ...(program && { program }) })
    },
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    pause: async () => node?.kill('SIGSTOP'),
    resume: async () => node?.kill('SIGCONT'),
    async memory() {
      if (!node?.isRunning()) return undefined
      const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(node.pid)])
      return Number(stdout.trim()) * 1024
    },
    output: () => earlierOutput + (node?.output() ?? ''),
  }
}
