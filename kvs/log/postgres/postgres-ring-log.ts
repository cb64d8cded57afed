import { systemClock } from '../../lib/clock.ts'
import { type KeyMover, makeHeldSession, makeRingAppender, type RingLog } from '../index.ts'
import { makeEntryReader } from './entry-reader.ts'
import { takeLead } from './lead.ts'
import { makePageReader } from './page-reader.ts'
import { explainLoss, withExplanation } from './session-failures.ts'
import { makeSideConnections, type SideConnection, type SideConnections, type SideOptions } from './side-connection.ts'

export type PostgresRingLogOptions = SideOptions

/**
 * What the ring asks of a log in Postgres: a connection that is kept for entries on the ring, and connections that last
 * to read for another member, and to move keys.
 */
export function makePostgresRingLog(options: PostgresRingLogOptions): RingLog {
  const { timeoutMs, clock = systemClock } = options
  const connections = makeSideConnections(options)
  const readPage = makePageReader()
  const { open } = connections
  const appender = makeHeldSession(() => open('ring', async (side) => makeAppender(connections, side)), clock)
  return {
    append: (...entry) => appender.use(({ append }) => append(...entry)),
    getReady: appender.getReady,
    disconnect: appender.drop,
    openReader: () => open('reader', async (side) => makeEntryReader(side, readPage, timeoutMs)),
    openMover: () => open('move', (side) => makeMover(connections, side)),
  }
}

function makeAppender(connections: SideConnections, side: SideConnection) {
  const { connection, where } = side
  const append = makeRingAppender(() => connections.registerWriter(side, 'ring'))
  return {
    lost: connection.lost,
    append: (...entry: Parameters<typeof append>) => withExplanation(append(...entry), where),
    close: () => connection.close(),
  }
}

/** Takes the lead before it registers, so that it never takes the place of a mover that goes on. */
async function makeMover(connections: SideConnections, side: SideConnection): Promise<KeyMover | undefined> {
  const { connection, where, logId } = side
  if (!(await takeLead(connection, logId, 'move'))) {
    await connection.close()
    return undefined
  }
  const { writer, statements } = await connections.registerWriter(side, 'move')
  return {
    logId,
    lost: explainLoss(connection, where),
    append: (moved, ringEntry) => withExplanation(writer.appendMoved(statements, moved, ringEntry), where),
    keepAnswers: (answers, ringEntry) => withExplanation(writer.keepAnswers(statements, answers, ringEntry), where),
    close: () => connection.close(),
  }
}
