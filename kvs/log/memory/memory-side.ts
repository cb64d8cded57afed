import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import { makeWriter, siteWriterId, type Writer, type WriterStatements } from '../index.ts'
import { connect, type MemoryConnection } from './memory-connection.ts'
import { explain, explained } from './memory-failures.ts'
import type { MemoryServer } from './memory-server.ts'
import { makeMemoryStatements } from './memory-statements.ts'
import { calmNetwork, type Network } from './network.ts'
import { readHead } from './reading.ts'

export interface SideOptions {
  readonly server: MemoryServer
  /** The node as its network knows it, which counts these connections apart from those of the node's own log. */
  readonly name: string
  /** The way to the server. By default everything arrives at once. */
  readonly network?: Network
  /** This node's clock. */
  readonly clock?: Clock
  readonly random?: Random
  /** How long connecting, or the answer to one statement, may take before the connection counts as lost. */
  readonly timeoutMs?: number
}

/** Connections to the log beside the node's own session, as those to Postgres. */
export interface SideConnections {
  readonly timeoutMs: number
  open<Session>(prepare: (connection: MemoryConnection, logId: string) => Promise<Session>): Promise<Session>
  /** Registers the writer of a purpose over the connection, which fences all that it was over before. */
  registerWriter(
    connection: MemoryConnection,
    logId: string,
    purpose: Parameters<typeof siteWriterId>[0],
  ): Promise<{ readonly writer: Writer; readonly statements: WriterStatements }>
}

export function makeSideConnections(options: SideOptions): SideConnections {
  const { server, name, network = calmNetwork, clock = systemClock, random = systemRandom } = options
  const { timeoutMs = 10_000 } = options
  let connections = 0
  return {
    timeoutMs,
    async open(prepare) {
      const number = ++connections
      const link = { server, network, clock, writerId: name, number, timeoutMs }
      const connection = await connect(link).catch(explain)
      try {
        const { logId } = await readHead(connection)
        return await prepare(connection, logId)
      } catch (error) {
        connection.close()
        return explain(error)
      }
    },
    async registerWriter(connection, logId, purpose) {
      const statements = makeMemoryStatements(connection, timeoutMs)
      const writer = makeWriter({ id: siteWriterId(purpose, logId), timeoutMs, clock, random })
      await writer.register(statements)
      return { writer, statements }
    },
  }
}

/** Closes the connection after its one answer. */
export async function once<T>(connection: MemoryConnection, answer: Promise<T>): Promise<T> {
  try {
    return await explained(answer)
  } finally {
    connection.close()
  }
}
