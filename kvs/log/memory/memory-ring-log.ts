import { systemClock } from '../../lib/clock.ts'
import { type KeyMover, makeHeldSession, makeRingAppender, pageLimits, type RingLog } from '../index.ts'
import type { MemoryConnection } from './memory-connection.ts'
import { explained, explainLoss } from './memory-failures.ts'
import { makeEntryReader } from './memory-reader.ts'
import { makeSideConnections, type SideConnections, type SideOptions } from './memory-side.ts'
import type { PageLimits } from './reading.ts'

export interface MemoryRingLogOptions extends SideOptions {
  readonly pageLimits?: PageLimits
}

/** What the ring asks of a log in the memory of this process, as of one in Postgres. */
export function makeMemoryRingLog(options: MemoryRingLogOptions): RingLog {
  const limits = options.pageLimits ?? pageLimits
  const { open, registerWriter, timeoutMs } = makeSideConnections(options)
  const appender = makeHeldSession(
    () => open(async (connection, logId) => makeAppender(connection, logId, registerWriter)),
    options.clock ?? systemClock,
  )
  return {
    append: (...entry) => appender.use(({ append }) => append(...entry)),
    getReady: appender.getReady,
    disconnect: appender.drop,
    openReader: () => open(async (connection, logId) => makeEntryReader(connection, logId, timeoutMs, limits)),
    openMover: () => open((connection, logId) => makeMover(connection, logId, registerWriter)),
  }
}

function makeAppender(connection: MemoryConnection, logId: string, registerWriter: SideConnections['registerWriter']) {
  const append = makeRingAppender(() => registerWriter(connection, logId, 'ring'))
  return {
    lost: connection.lost,
    append: (...entry: Parameters<typeof append>) => explained(append(...entry)),
    close: async () => connection.close(),
  }
}

/** Takes the lead before it registers, so that it never takes the place of a mover that goes on. */
async function makeMover(
  connection: MemoryConnection,
  logId: string,
  registerWriter: SideConnections['registerWriter'],
): Promise<KeyMover | undefined> {
  if (!(await connection.query('take-lead', (_tables, _now, takeLead) => takeLead('move')))) {
    connection.close()
    return undefined
  }
  const { writer, statements } = await registerWriter(connection, logId, 'move')
  return {
    logId,
    lost: explainLoss(connection),
    append: (moved, ringEntry) => explained(writer.appendMoved(statements, moved, ringEntry)),
    keepAnswers: (answers, ringEntry) => explained(writer.keepAnswers(statements, answers, ringEntry)),
    close: async () => connection.close(),
  }
}
