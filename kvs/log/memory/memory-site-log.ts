import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import {
  type LastOfOrigin,
  type LogImport,
  type LogReader,
  makeTakenOver,
  makeWriter,
  pageLimits,
  type SiteLog,
  siteWriterId,
} from '../index.ts'
import { connect, type MemoryConnection } from './memory-connection.ts'
import { explain, explained, explainLoss } from './memory-failures.ts'
import type { MemoryServer } from './memory-server.ts'
import { makeMemoryStatements } from './memory-statements.ts'
import { calmNetwork, type Network } from './network.ts'
import { askHead, type PageLimits, readHead, readPage } from './reading.ts'
import { deletesBetween, entryAt, lastOfOrigins, membersOf, positionThrough, type Tables } from './tables.ts'

export interface MemorySiteLogOptions {
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
  readonly pageLimits?: PageLimits
}

/** The site's log in the memory of this process, as the one in Postgres. */
export function makeMemorySiteLog(options: MemorySiteLogOptions): SiteLog {
  const {
    server,
    name,
    network = calmNetwork,
    clock = systemClock,
    random = systemRandom,
    timeoutMs = 10_000,
  } = options
  const limits = options.pageLimits ?? pageLimits
  let connections = 0

  async function open<Session>(prepare: (connection: MemoryConnection, logId: string) => Promise<Session>) {
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
  }

  return {
    openReader: () => open(async (connection, logId) => makeReader(connection, logId, timeoutMs, limits)),
    openImport: () => open((connection, logId) => makeImport(connection, logId, { timeoutMs, clock, random, limits })),
    readMembers: () => open((connection) => once(connection, connection.query('read-members', membersOf))),
    appendMember: (change) =>
      open(async (connection, logId) => {
        const statements = makeMemoryStatements(connection, timeoutMs)
        const writer = makeWriter({ id: siteWriterId('members', logId), timeoutMs, clock, random })
        await writer.register(statements)
        return once(connection, writer.append(statements, [change]))
      }),
    readForgotten: () =>
      open((connection) =>
        once(
          connection,
          connection.query('read-forgotten', ({ forgotten }) => forgotten),
        ),
      ),
  }
}

/** Closes the connection after its one answer. */
async function once<T>(connection: MemoryConnection, answer: Promise<T>): Promise<T> {
  try {
    return await explained(answer)
  } finally {
    connection.close()
  }
}

function makeReader(connection: MemoryConnection, logId: string, timeoutMs: number, limits: PageLimits): LogReader {
  const { query } = connection
  return {
    logId,
    lost: explainLoss(connection),
    askHead: () => explained(askHead(connection, timeoutMs / 2).then(([end]) => end)),
    positionThrough: (sequence) =>
      explained(
        query('read-position', (tables) => {
          const stamp = entryAt(tables, sequence)?.highestStamp ?? 0
          return { ...positionThrough(tables, sequence), stamp }
        }),
      ),
    stampAt: (sequence) =>
      explained(
        query('read-position', (tables) => {
          const entry = entryAt(tables, sequence)
          return entry?.origin === undefined ? entry?.stamp : undefined
        }),
      ),
    read: (after, through) => explained(readPage(connection, after, through, noWriter, limits)),
    close: async () => connection.close(),
  }
}

/** Takes the lead before anything else, so that what it reads then is final. */
async function makeImport(
  connection: MemoryConnection,
  logId: string,
  { timeoutMs, clock, random, limits }: { timeoutMs: number; clock: Clock; random: Random; limits: PageLimits },
): Promise<LogImport | undefined> {
  if (!(await connection.query('take-lead', (_tables, _now, takeLead) => takeLead()))) {
    connection.close()
    return undefined
  }
  const statements = makeMemoryStatements(connection, timeoutMs)
  const writer = makeWriter({ id: siteWriterId('import', logId), timeoutMs, clock, random })
  await writer.register(statements)
  const takenOver = makeTakenOver(
    await connection.query('read-position', (tables): LastOfOrigin[] => lastOfOrigins(tables)),
  )
  let forgotten = await connection.query('read-forgotten', (tables) => tables.forgotten)
  return {
    logId,
    get position() {
      return takenOver.position
    },
    lastStampOf: takenOver.lastStampOf,
    lost: explainLoss(connection),
    async append(entries, seen) {
      const end = await explained(writer.appendForeign(statements, entries, seen))
      takenOver.note(entries)
      return end
    },
    get forgotten() {
      return forgotten
    },
    async forget(through) {
      forgotten = await explained(connection.query('forget', (tables) => raiseForgotten(tables, through)))
    },
    async readDeletes(after, through, stamp) {
      const most = after + BigInt(limits.entries)
      const reached = most < through ? most : through
      const read = connection.query('read-deletes', (tables) => deletesBetween(tables, after, reached, stamp))
      return { reached, deletes: await explained(read) }
    },
    askHead: () => explained(askHead(connection, timeoutMs / 2).then(([end]) => end)),
    close: async () => connection.close(),
  }
}

function raiseForgotten(tables: Tables, through: number): number {
  tables.forgotten = Math.max(tables.forgotten, through)
  return tables.forgotten
}

/** Writers count from 1, so no entry is this one's. */
const noWriter = 0
