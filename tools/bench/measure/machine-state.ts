import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** State of the machine in a stretch of time, whatever runs on it. */
export interface MachineState {
  /** Share of all cores' time that the host gave to others. */
  readonly stolen: number
  /** CPU time of a fixed piece of work in milliseconds: more if a core is shared or throttled. */
  readonly work: number
}

const material = Buffer.alloc(1024 * 1024, 7)

/** Returns a function whose every call describes the time since the one before. A call takes about 20 ms of a core. */
export function watchMachine(): () => MachineState {
  let before = readTimes()
  return () => {
    const now = readTimes()
    const stolen = (now.stolen - before.stolen) / Math.max(1, now.all - before.all)
    before = now
    return { stolen, work: doWork() }
  }
}

function doWork(): number {
  const before = process.threadCpuUsage()
  const hash = createHash('sha512')
  for (let round = 0; round < 8; round++) hash.update(material)
  hash.digest()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

/** Reads times of all cores in ticks; see proc_stat(5). */
function readTimes(): { all: number; stolen: number } {
  const [, user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, stolen = 0] = readFileSync(
    '/proc/stat',
    'utf8',
  )
    .slice(0, 200)
    .split(/\s+/)
    .map(Number)
  return { all: user + nice + system + idle + iowait + irq + softirq + stolen, stolen }
}
