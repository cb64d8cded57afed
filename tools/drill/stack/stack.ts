import type { Client } from 'pg'
import type { Conditions } from '../../lab/network/proxy.ts'
import type { NodeStatus } from '../../lab/readiness.ts'

/** Names of nodes in the order in which they start; a stack of one has the first. */
export const nodeNames = ['kvs', 'kvs-2', 'kvs-3'] as const
export type NodeName = (typeof nodeNames)[number]
export type Service = NodeName | 'postgres'
export type Direction = 'both' | 'to postgres' | 'from postgres'

export interface StackOptions {
  /** Number of nodes that share the log; 1 by default. */
  readonly nodes?: 1 | 2 | 3
  /** Adds two nodes that forward every request to the first one. */
  readonly forwarders?: boolean
  /** Routes the network between kvs and Postgres through a proxy that can be slowed down. */
  readonly proxy?: boolean
  /** Gives the services small disks that can be filled, and keeps copies of the log. */
  readonly disks?: boolean
  /** Gives kvs a wall clock that can be moved. */
  readonly clock?: boolean
  /** Adds Prometheus and Grafana, where compose/observe.yml publishes them. */
  readonly observe?: boolean
  /** Settings of each node. */
  readonly env?: Readonly<Record<string, string>>
}

export const forwarderNames = ['forwarder-1', 'forwarder-2'] as const

/** A node that only forwards. */
export interface Forwarder {
  readonly name: (typeof forwarderNames)[number]
  readonly url: string
}

/** A node of the stack. */
export interface StackNode {
  readonly name: NodeName
  readonly url: string
}

/**
 * A service, or several on one log, with a Postgres of its own, and all that can be done to them. What is done stays
 * until it is taken back; a service that is killed or stopped stays down until it is started.
 */
export interface Stack {
  readonly nodes: readonly [StackNode, ...StackNode[]]
  readonly forwarders: readonly Forwarder[]
  /** Asks a node, by default the first, for its status; undefined while nothing answers. */
  status(node?: NodeName): Promise<NodeStatus | undefined>
  /** Sends SIGKILL to all of the services at once. Resolves when they are gone. */
  kill(...services: Service[]): Promise<void>
  /** Sends SIGTERM. Resolves with the exit code when the service has ended; Docker kills one that is slow. */
  stop(service: Service): Promise<number>
  /** Ends Postgres at once, without a word to its clients; it recovers at its next start. */
  crashPostgres(): Promise<void>
  /** Starts services that do not run. Resolves when their processes run; they need not be ready. */
  start(...services: Service[]): Promise<void>
  pause(service: Service): Promise<void>
  resume(service: Service): Promise<void>
  /** Connects to Postgres as soon as it can, past the network's faults. The caller ends the connection. */
  connect(): Promise<Client>
  /** Network between the first node and Postgres. */
  readonly network: Network
  networkOf(node: NodeName): Network
  readonly disks: Disks
  /** Sets the wall clock of the first node alone to this far from the real one. */
  setClock(offsetSeconds: number): Promise<void>
  /** Measures the resident memory of the first node in bytes; undefined while it is down. */
  memory(): Promise<number | undefined>
  /** Returns the nodes' log lines. */
  output(): Promise<string>
  /** Takes back every fault and starts all that is down. Idempotent. */
  heal(): Promise<void>
  /** Removes the stack and all that belongs to it. */
  down(): Promise<void>
}

/** The network between a node and Postgres. */
export interface Network {
  cut(): Promise<void>
  /** Drops packets: neither side is told. */
  drop(direction: Direction): Promise<void>
  /** Needs the option `proxy`. Besides, a share `lost` of the packets is dropped where the platform can do that. */
  slow(conditions: Conditions, lost: number): Promise<void>
  /** Needs the option `proxy`. Resets all open connections. */
  reset(): Promise<void>
  heal(): Promise<void>
}

/** Needs the option `disks`. */
export interface Disks {
  /** Fills the service's disk to the last byte. */
  fill(service: Service): Promise<void>
  free(service: Service): Promise<void>
  /** Copies the data of Postgres, which must be down. */
  saveLog(name: string): Promise<void>
  restoreLog(name: string): Promise<void>
}
