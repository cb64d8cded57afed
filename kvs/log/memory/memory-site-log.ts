import { type LastOfOrigin, type LogImport, type LogReader, makeTakenOver, pageLimits, type SiteLog } from '../index.ts'
import type { MemoryConnection } from './memory-connection.ts'
import { explained, explainLoss } from './memory-failures.ts'
import { makeEntryReader } from './memory-reader.ts'
import { makeSideConnections, once, type SideConnections, type SideOptions } from './memory-side.ts'
import { askHead, type PageLimits } from './reading.ts'
import { deletesBetween, entryAt, lastOfOrigins, membersOf, positionThrough, type Tables } from './tables.ts'

export interface MemorySiteLogOptions extends SideOptions {
  readonly pageLimits?: PageLimits
}

/** The site's log in the memory of this process, as the one in Postgres. */
export function makeMemorySiteLog(options: MemorySiteLogOptions): SiteLog {
  const limits = options.pageLimits ?? pageLimits
  const connections = makeSideConnections(options)
  const { open, registerWriter, timeoutMs } = connections
  return {
    openReader: () => open(async (connection, logId) => makeReader(connection, logId, timeoutMs, limits)),
    openImport: () => open((connection, logId) => makeImport(connection, logId, connections, limits)),
    readMembers: () => open((connection) => once(connection, connection.query('read-members', membersOf))),
    appendMember: (change) =>
      open(async (connection, logId) => {
        const { writer, statements } = await registerWriter(connection, logId, 'members')
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

function makeReader(connection: MemoryConnection, logId: string, timeoutMs: number, limits: PageLimits): LogReader {
  const { query } = connection
  return {
    ...makeEntryReader(connection, logId, timeoutMs, limits),
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
  }
}

/** Takes the lead before anything else, so that what it reads then is final. */
async function makeImport(
  connection: MemoryConnection,
  logId: string,
  { registerWriter, timeoutMs }: SideConnections,
  limits: PageLimits,
): Promise<LogImport | undefined> {
  if (!(await connection.query('take-lead', (_tables, _now, takeLead) => takeLead('import')))) {
    connection.close()
    return undefined
  }
  const { writer, statements } = await registerWriter(connection, logId, 'import')
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
