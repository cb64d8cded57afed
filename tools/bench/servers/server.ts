import type { Cpu } from '../measure/proc.ts'

/** A server that is measured. */
export interface Server {
  readonly port: number
  /** Returns the CPU time of each of its programs so far, in seconds. */
  cpu(): Readonly<Record<string, Cpu>>
  stop(): Promise<void>
}

/** Request language of a server's clients, as in tools/bench/load/requests.lua. */
export type Api = 'kvs' | 'kvs-consistent' | 'etcd'

export interface HttpServer extends Server {
  readonly api: Api
  /** Returns the sequence of the last committed write, if the server can tell. */
  position?(): Promise<bigint>
}
