import type { Cpu } from './proc.ts'
import type { Latency } from './stats.ts'

/** What a load generator saw in one run. */
export interface Seen {
  readonly requests: number
  readonly seconds: number
  /** CPU time of the generator, in seconds. */
  readonly generatorSeconds: number
  /** Latencies in milliseconds. */
  readonly latency?: Omit<Latency, 'count'>
  /** Reason why the run does not count; absent if it does. */
  readonly problem?: string
}

/** One run of one contender on one case. */
export interface Run {
  readonly case: string
  readonly contender: string
  readonly round: number
  readonly requests: number
  readonly seconds: number
  /** Requests a second. */
  readonly rate: number
  /** CPU time a request of each program of the server, in microseconds. */
  readonly cpu: Readonly<Record<string, Cpu>>
  /** CPU time of the load generator as a share of one core. */
  readonly generatorShare: number
  readonly latency?: Omit<Latency, 'count'>
  readonly problem?: string
}

type CpuTimes = Readonly<Record<string, Cpu>>

export function cpuPerRequest(before: CpuTimes, after: CpuTimes, requests: number): Record<string, Cpu> {
  const each = (from: number, to: number) => (1e6 * (to - from)) / Math.max(1, requests)
  return Object.fromEntries(
    Object.entries(after).map(([program, { user, system }]) => {
      const was = before[program] ?? { user: 0, system: 0 }
      return [program, { user: each(was.user, user), system: each(was.system, system) }]
    }),
  )
}

export function totalOf({ user, system }: Cpu): number {
  return user + system
}

/** Sums up the CPU time of all programs of a server. */
export function cpuOfRun({ cpu }: Pick<Run, 'cpu'>): number {
  return Object.values(cpu).reduce((sum, program) => sum + totalOf(program), 0)
}
