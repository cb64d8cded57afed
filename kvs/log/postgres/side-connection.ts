import { forPurpose, type PostgresTarget } from '../../config/index.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import { makeWriter, siteWriterId, type Writer, type WriterStatements } from '../index.ts'
import { type Connection, connect } from './connection.ts'
import { type Where, whereOf } from './failure-explanation.ts'
import { readHead } from './log-end.ts'
import { enterSchema } from './schema-search.ts'
import { openSession } from './server-session.ts'
import { openOver, withExplanation } from './session-failures.ts'
import { makeWriterStatements } from './writer-statements.ts'

export interface SideOptions {
  readonly target: PostgresTarget
  /**
   * The id of the log to find, in whatever schema of the database; undefined for the one that the search_path leads to.
   */
  readonly logId?: () => string | undefined
  /**
   * How long connecting, or the answer to one statement, may take before the connection counts as lost, in
   * milliseconds.
   */
  readonly timeoutMs: number
  /** The same for an append; `timeoutMs` where that is less, or without it. */
  readonly appendTimeoutMs?: number
  /** What there is to say of server and schema, each once. The node's own log says it as well. */
  readonly warn?: (message: string) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** A connection to the log beside the node's own session, which has made its schema, or brought it to this version. */
export interface SideConnection {
  readonly connection: Connection
  readonly where: Where
  /** Number of the server's process that serves the connection. */
  readonly processId: number
  readonly logId: string
}

/** The one writer that the log has for a purpose, as `siteWriterId` says. */
export interface SideWriter {
  readonly writer: Writer
  readonly statements: WriterStatements
}

export interface SideConnections {
  /**
   * Connects for a purpose, which pg_stat_activity shows. Rejects as `Log.open`, and with what `prepare` rejects with;
   * the connection is closed then.
   */
  open<Session>(purpose: string, prepare: (side: SideConnection) => Promise<Session>): Promise<Session>
  /** Registers the writer of a purpose over the connection, which fences all that it was over before. */
  registerWriter(side: SideConnection, purpose: Parameters<typeof siteWriterId>[0]): Promise<SideWriter>
}

export function makeSideConnections(options: SideOptions): SideConnections {
  const { timeoutMs, clock = systemClock, random = systemRandom } = options
  const appendTimeoutMs = Math.min(timeoutMs, options.appendTimeoutMs ?? timeoutMs)
  const warned = new Set<string>()

  async function enterLog(connection: Connection, target: PostgresTarget): Promise<number> {
    const { processId, warning } = await openSession(connection, target, timeoutMs)
    const logId = options.logId?.()
    const warnings = [warning, await enterSchema(connection, { logId, isMet: logId !== undefined }, target.user)]
    for (const warning of warnings) {
      if (warning && !warned.has(warning)) options.warn?.(warning)
      warned.add(warning)
    }
    return processId
  }

  return {
    open(purpose, prepare) {
      const target = forPurpose(options.target, purpose)
      const where = whereOf(target)
      return openOver(connect(target, timeoutMs, clock), where, async (connection) => {
        const processId = await enterLog(connection, target)
        return prepare({ connection, where, processId, logId: (await readHead(connection)).logId })
      })
    },
    async registerWriter({ connection, logId }, purpose) {
      const statements = makeWriterStatements(connection, appendTimeoutMs)
      const writer = makeWriter({ id: siteWriterId(purpose, logId), timeoutMs: appendTimeoutMs, clock, random })
      await writer.register(statements)
      return { writer, statements }
    },
  }
}

/** Closes the connection after its one answer. */
export async function once<T>({ connection, where }: SideConnection, answer: Promise<T>): Promise<T> {
  try {
    return await withExplanation(answer, where)
  } finally {
    await connection.close()
  }
}
