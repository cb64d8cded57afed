import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileCache, serviceProgram } from './paths.ts'
import { type Process, type ProcessOptions, spawnProcess } from './process.ts'

export interface NodeProcessOptions extends Pick<ProcessOptions, 'outputFile' | 'onMessage' | 'ownGroup'> {
  /** Working directory. */
  readonly directory: string
  /** Absolute path of KVS_DATA_DIR; `data` in the working directory by default. */
  readonly dataDirectory?: string
  /** Settings of the node, and all else of its environment but PATH, TMPDIR and NODE_COMPILE_CACHE. */
  readonly env?: Readonly<Record<string, string>>
  /** Program to run in place of the service. */
  readonly program?: string
  /** Options of the node executable, before the program. */
  readonly nodeOptions?: readonly string[]
  /** Most file descriptors that the process may have open. */
  readonly openFiles?: number
}

/** Starts a node of the service as a process, with no settings but the given ones, and returns at once. */
export function spawnNodeProcess(options: NodeProcessOptions): Process {
  const { directory, dataDirectory = join(directory, 'data'), env, program = serviceProgram, openFiles } = options
  const { outputFile, onMessage, ownGroup = false } = options
  // The shell becomes the node.
  const limiting = openFiles === undefined ? [] : ['sh', '-c', `ulimit -n ${openFiles} && exec "$@"`, 'sh']
  const [command = '', ...args] = [...limiting, process.execPath, ...(options.nodeOptions ?? []), program]
  return spawnProcess({
    command,
    args,
    cwd: directory,
    env: {
      ...{ PATH: process.env.PATH, TMPDIR: tmpdir(), NODE_COMPILE_CACHE: compileCache, KVS_DATA_DIR: dataDirectory },
      ...env,
    },
    ownGroup,
    ...(outputFile !== undefined && { outputFile }),
    ...(onMessage && { onMessage }),
  })
}
