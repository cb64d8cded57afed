import { type KeyMover, pageLimits, type RingLog } from '../index.ts'
import type { MemoryConnection } from './memory-connection.ts'
import { explained, explainLoss } from './memory-failures.ts'
import { makeEntryReader } from './memory-reader.ts'
import { makeSideConnections, once, type SideConnections, type SideOptions } from './memory-side.ts'
import type { PageLimits } from './reading.ts'

export interface MemoryRingLogOptions extends SideOptions {
  readonly pageLimits?: PageLimits
}

/** What the ring asks of a log in the memory of this process, as of one in Postgres. */
export function makeMemoryRingLog(options: MemoryRingLogOptions): RingLog {
  const limits = options.pageLimits ?? pageLimits
  const { open, registerWriter, timeoutMs } = makeSideConnections(options)
  return {
    append: (text, seen, vacated) =>
      open(async (connection, logId) => {
        const { writer, statements } = await registerWriter(connection, logId, 'ring')
        return once(connection, writer.appendRing(statements, text, seen, vacated))
      }),
    openReader: () => open(async (connection, logId) => makeEntryReader(connection, logId, timeoutMs, limits)),
    openMover: () => open((connection, logId) => makeMover(connection, logId, registerWriter)),
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
    close: async () => connection.close(),
  }
}
