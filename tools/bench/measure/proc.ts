import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** CPU time in seconds. */
export interface Cpu {
  readonly user: number
  readonly system: number
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

interface Stat {
  readonly parent: number
  readonly own: Cpu
  /** CPU time that includes children that have ended and been waited for. */
  readonly withEnded: Cpu
}

/** Reads proc_pid_stat(5); undefined if there is no such process. */
function readStat(pid: number): Stat | undefined {
  const text = read(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ') // from field 3 on
  const ticks = (field: number) => Number(fields[field - 3]) / ticksPerSecond
  const own = { user: ticks(14), system: ticks(15) }
  return {
    parent: Number(fields[1]),
    own,
    withEnded: { user: own.user + ticks(16), system: own.system + ticks(17) },
  }
}

/** Returns the CPU time of a process alone. */
export function cpuOf(pid: number): Cpu {
  return readStat(pid)?.own ?? { user: 0, system: 0 }
}

/** Returns the CPU time of a process and all its descendants, those that have ended included. */
export function cpuOfTree(pid: number): Cpu {
  const sum = { user: 0, system: 0 }
  for (const { withEnded } of treeOf(pid)) {
    sum.user += withEnded.user
    sum.system += withEnded.system
  }
  return sum
}

function treeOf(root: number): Stat[] {
  const all = new Map<number, Stat>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined
    if (stat) all.set(Number(name), stat)
  }
  const descends = (pid: number): boolean => {
    if (pid === root) return true
    const parent = all.get(pid)?.parent
    return parent !== undefined && parent > 0 && descends(parent)
  }
  return [...all].filter(([pid]) => descends(pid)).map(([, stat]) => stat)
}

/** Resident memory in bytes: now, and at its peak. */
export interface Memory {
  readonly resident: number
  readonly peak: number
}

export function memoryOf(pid: number): Memory {
  const status = read(`/proc/${pid}/status`) ?? ''
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024
  return { resident: field('VmRSS'), peak: field('VmHWM') }
}

/** Sums up proportional set sizes in bytes, so that shared memory counts once; see proc_pid_smaps(5). */
export function memoryOfTree(root: number): number {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  const children = (parent: number): number[] => {
    const direct = pids.filter((pid) => readStat(pid)?.parent === parent)
    return [...direct, ...direct.flatMap(children)]
  }
  return [root, ...children(root)].reduce((sum, pid) => {
    const kib = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '')?.[1] ?? 0
    return sum + Number(kib) * 1024
  }, 0)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
