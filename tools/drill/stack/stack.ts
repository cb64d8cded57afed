import type { Client } from 'pg'
import type { Conditions } from '../../lab/network/proxy.ts'
import type { NodeStatus } from '../../lab/readiness.ts'

/** In the order of their starting; a stack of one has the first. */
export const nodeNames = ['kvs', 'kvs-2', 'kvs-3'] as const
export type NodeName = (typeof nodeNames)[number]
export type Service = NodeName | 'postgres'
export type Direction = 'both' | 'to postgres' | 'from postgres'

export interface StackOptions {
  /** How many nodes share the log; 1 unless said otherwise. */
  readonly nodes?: 1 | 2 | 3
  /** Has two nodes besides that forward every request to the first one. */
  readonly forwarders?: boolean
  /** Has the network between kvs and Postgres go through a proxy that can be slowed down. */
  readonly proxy?: boolean
  /** Small disks that can be filled, and copies of the log. */
  readonly disks?: boolean
  /** A wall clock of kvs that can be moved. */
  readonly clock?: boolean
  /** Has Prometheus and Grafana besides, where compose/observe.yml publishes them. */
  readonly observe?: boolean
  /** Environment of each node. */
  readonly env?: Readonly<Record<string, string>>
}

export const forwarderNames = ['forwarder-1', 'forwarder-2'] as const

/** Where a node that only forwards is asked. */
export interface Forwarder {
  readonly name: (typeof forwarderNames)[number]
  readonly url: string
}

/** One of the services that are nodes. */
export interface StackNode {
  readonly name: NodeName
  readonly url: string
}

/**
 * A service, or several on one log, with a Postgres of its own, and all that can be done to them. What is done stays until it is taken back; a
 * service that is killed or stopped stays down until it is started.
 */
export interface Stack {
  readonly nodes: readonly [StackNode, ...StackNode[]]
  readonly forwarders: readonly Forwarder[]
  /** Undefined while nothing answers. The first node's, unless another is named. */
  status(node?: NodeName): Promise<NodeStatus | undefined>
  /** SIGKILL, to all of them at once. Resolves when they are gone. */
  kill(...services: Service[]): Promise<void>
  /** SIGTERM. Resolves with the exit code when the service has ended, by itself or by the SIGKILL of an impatient engine. */
  stop(service: Service): Promise<number>
  /** Ends Postgres at once, without a word to its clients; it recovers at its next start. */
  crashPostgres(): Promise<void>
  /** Resolves when the processes run; they need not be ready. Does nothing to one that runs. */
  start(...services: Service[]): Promise<void>
  pause(service: Service): Promise<void>
  resume(service: Service): Promise<void>
  /** To Postgres, past every fault of the network; waits until it takes connections. To be ended by the caller. */
  connect(): Promise<Client>
  /** Of the first node. */
  readonly network: Network
  networkOf(node: NodeName): Network
  readonly disks: Disks
  /** Moves the wall clock of the first node, and of nothing else, to that far from the real one. */
  setClock(offsetSeconds: number): Promise<void>
  /** What is resident of the first node's memory, in bytes; undefined while it is down. */
  memory(): Promise<number | undefined>
  /** What the nodes have logged. */
  output(): Promise<string>
  /** Takes back every fault; all that was down is started. Idempotent. */
  heal(): Promise<void>
  /** Leaves nothing of the stack. */
  down(): Promise<void>
}

/** Between a node and Postgres. */
export interface Network {
  cut(): Promise<void>
  /** Packets vanish without a word. */
  drop(direction: Direction): Promise<void>
  /** Only with the option `proxy`. A share of the packets is lost where the platform can do that. */
  slow(conditions: Conditions, lost: number): Promise<void>
  /** Only with the option `proxy`: resets the connections that there are. */
  reset(): Promise<void>
  heal(): Promise<void>
}

/** Only with the option `disks`. */
export interface Disks {
  /** To the last byte. */
  fill(service: Service): Promise<void>
  free(service: Service): Promise<void>
  /** Copies of what Postgres keeps; it must be down. */
  saveLog(name: string): Promise<void>
  restoreLog(name: string): Promise<void>
}
