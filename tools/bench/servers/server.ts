import type { Cpu } from '../measure/proc.ts'

/** Something that runs and is measured. */
export interface Server {
  readonly port: number
  /** CPU time so far, in seconds, of each of its programs. */
  cpu(): Readonly<Record<string, Cpu>>
  stop(): Promise<void>
}

/** The request language that a server's clients speak, as tools/bench/load/requests.lua has it. */
export type Api = 'kvs' | 'kvs-consistent' | 'etcd'

export interface HttpServer extends Server {
  readonly api: Api
  /** The sequence of the last write that it has committed, where it can tell. */
  position?(): Promise<bigint>
}
