import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { findBinaries } from '../../../kvs/log/embedded/index.ts'
import { findTool, type Tool } from '../servers/installed-programs.ts'

/** The machine and programs that were measured. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGib: number
  readonly kernel: string
  /** Type of the file system that holds the data. */
  readonly fileSystem: string
  /** Versions by program, as it says itself. */
  readonly versions: Readonly<Record<string, string>>
}

export async function describeMachine(): Promise<Machine> {
  const { postgres } = await findBinaries()
  const version = (name: string, command: string | undefined, pattern: RegExp, option = '--version') => {
    const said = command === undefined ? undefined : pattern.exec(run(command, [option]))?.[1]
    return said === undefined ? [] : [[name, said] as const]
  }
  const of = (tool: Tool) => findTool(tool)
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    fileSystem: fileSystemOf(tmpdir()),
    versions: Object.fromEntries([
      ['Node', process.version.slice(1)],
      ...version('Postgres', postgres, /([\d.]+)\s*$/),
      ...version('etcd', of('etcd'), /etcd Version: (\S+)/),
      ...version('Redis', of('redis-server'), /v=(\S+)/),
      ...version('pgbench', of('pgbench'), /\(PostgreSQL\) (\S+)/),
      ...version('wrk', of('wrk'), /wrk (\S+)/, '-v'),
    ]),
  }
}

export function machineLine({ cpu, cores, memoryGib, kernel, fileSystem, versions }: Machine): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${cores} cores of ${cpu}, ${memoryGib} GiB, Linux ${kernel}, data on ${fileSystem}; ${programs.join(', ')}`
}

/** Returns the type of the file system that a path is on. */
function fileSystemOf(path: string): string {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  const under = mounts.filter(([, point = '']) => point === '/' || path === point || path.startsWith(`${point}/`))
  return (
    under.reduce((best, mount) => ((mount[1] ?? '').length >= (best[1] ?? '').length ? mount : best), [''])[2] ??
    'unknown'
  )
}

/** Runs a program and returns both outputs: some print their version with an error. */
function run(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return stdout + stderr
  }
}
