import type { BatchEnd } from '../../core/entry.ts'
import type { SlotRanges } from '../../core/ring/slot-ranges.ts'
import type { KeyMover, RingLog } from '../index.ts'
import { makeEntryReader } from './entry-reader.ts'
import { takeLead } from './lead.ts'
import { makePageReader } from './page-reader.ts'
import { explainLoss, withExplanation } from './session-failures.ts'
import {
  makeSideConnections,
  once,
  type SideConnection,
  type SideConnections,
  type SideOptions,
} from './side-connection.ts'

export type PostgresRingLogOptions = SideOptions

/**
 * What the ring asks of a log in Postgres: each entry over a short connection of its own, and connections that last to
 * read for another member, and to move keys.
 */
export function makePostgresRingLog(options: PostgresRingLogOptions): RingLog {
  const connections = makeSideConnections(options)
  const readPage = makePageReader()
  const { open } = connections

  async function append(
    side: SideConnection,
    text: string,
    seen: bigint,
    vacated: SlotRanges,
  ): Promise<BatchEnd | undefined> {
    const { writer, statements } = await connections.registerWriter(side, 'ring')
    return writer.appendRing(statements, text, seen, vacated)
  }

  return {
    append: (...entry) => open('ring', (side) => once(side, append(side, ...entry))),
    openReader: () => open('reader', async (side) => makeEntryReader(side, readPage, options.timeoutMs)),
    openMover: () => open('move', (side) => makeMover(connections, side)),
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
    close: () => connection.close(),
  }
}
