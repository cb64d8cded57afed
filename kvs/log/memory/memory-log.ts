import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import {
  type AppendTally,
  Diverged,
  type Log,
  type LogSession,
  makeAppendTally,
  makeWriter,
  pageLimits,
  type Writer,
  wentBackAdvice,
} from '../index.ts'
import { connect, type MemoryConnection } from './memory-connection.ts'
import { explain, explained, explainLoss } from './memory-failures.ts'
import type { MemoryServer } from './memory-server.ts'
import { makeMemoryStatements } from './memory-statements.ts'
import { calmNetwork, type Network } from './network.ts'
import { askHead, holds, loadCheckpoint, type PageLimits, readHead, readPage, replay } from './reading.ts'

export interface MemoryLogOptions {
  readonly server: MemoryServer
  /** This node's identity in the log: that of its data directory. */
  readonly writerId: string
  /** The way to the server. By default everything arrives at once. */
  readonly network?: Network
  /** This node's clock. */
  readonly clock?: Clock
  readonly random?: Random
  /** The log that is to be found again; undefined where any will do. */
  readonly knownLogId?: () => string | undefined
  /** Whether it is only ever that one: another is `Diverged`. */
  readonly mustBeKnown?: boolean
  /** How long connecting, or the answer to one statement, may take before the connection counts as lost. */
  readonly timeoutMs?: number
  /** The same for an append, where that may take less. */
  readonly appendTimeoutMs?: number
  readonly pageLimits?: PageLimits
  readonly tally?: AppendTally
  readonly warn?: (message: string) => void
}

/** The log in the memory of this process: as the log in Postgres, but it does not outlive the process. */
export function makeMemoryLog(options: MemoryLogOptions): Log {
  const { server, writerId, network = calmNetwork, clock = systemClock, random = systemRandom } = options
  const { timeoutMs = 10_000 } = options
  const appendTimeoutMs = Math.min(timeoutMs, options.appendTimeoutMs ?? timeoutMs)
  const writer = makeWriter({ id: writerId, timeoutMs: appendTimeoutMs, clock, random })
  const parts: SessionParts = {
    writer,
    ...{ timeoutMs, appendTimeoutMs },
    pageLimits: options.pageLimits ?? pageLimits,
    tally: options.tally ?? makeAppendTally(),
    warn: options.warn ?? (() => undefined),
  }
  let connections = 0
  let metLogId: string | undefined

  return {
    async open() {
      const number = ++connections
      const connection = await connect({ server, network, clock, writerId, number, timeoutMs }).catch(explain)
      try {
        const known = metLogId ?? options.knownLogId?.()
        const isKnown = known === undefined || known === (await explained(readHead(connection))).logId
        if (!isKnown && (metLogId !== undefined || options.mustBeKnown === true)) {
          throw new Diverged(`the log went back, or is another one: it knows nothing of this node. ${wentBackAdvice}`)
        }
        const session = await prepare(connection, parts)
        metLogId = session.head.logId
        return session
      } catch (error) {
        connection.close()
        throw error
      }
    },
    now: writer.now,
  }
}

interface SessionParts {
  readonly writer: Writer
  readonly timeoutMs: number
  readonly appendTimeoutMs: number
  readonly pageLimits: PageLimits
  readonly tally: AppendTally
  readonly warn: (message: string) => void
}

/** Registers the writer over a new connection, and makes a session of it. */
async function prepare(connection: MemoryConnection, parts: SessionParts): Promise<LogSession> {
  const { writer, tally, pageLimits, timeoutMs } = parts
  const statements = makeMemoryStatements(connection, parts.appendTimeoutMs)
  await explained(writer.register(statements))
  const head = await explained(readHead(connection))
  // One that came since the registration is in the head, though not among those that the registration counted.
  if (head.ring !== undefined) await explained(writer.seeRing(statements, head.ring.sequence))

  async function askForHead() {
    const [end, serverSeconds] = await askHead(connection, timeoutMs / 2)
    writer.noteServerTime(serverSeconds)
    return end
  }

  return {
    head,
    description: `the log ${head.logId} in memory`,
    lost: explainLoss(connection),
    get committed() {
      return writer.committed
    },
    holds: (position) => explained(holds(connection, position)),
    loadCheckpoint: (load, needsTombstones = false) =>
      explained(loadCheckpoint(connection, load, parts.warn, needsTombstones)),
    replay: (after, apply) => explained(replay(connection, after, head.sequence, apply, pageLimits)),
    read: (after, through) => explained(readPage(connection, after, through, writer.writerNumber, pageLimits)),
    askHead: () => explained(askForHead()),
    onOthersAppended: connection.onNotified,
    append: (writes, last) => explained(tally.count(writes.length, writer.append(statements, writes, last))),
    appendSpooled: (writes, seen) =>
      explained(tally.count(writes.length, writer.appendSpooled(statements, writes, seen))),
    appendConditional: (decided, seen, last) =>
      explained(
        tally.count(
          decided.flatMap(({ writes }) => writes).length,
          writer.appendConditional(statements, head.logId, decided, seen, last),
        ),
      ),
    seeRing: (through) => explained(writer.seeRing(statements, through)),
    close: async () => connection.close(),
  }
}
