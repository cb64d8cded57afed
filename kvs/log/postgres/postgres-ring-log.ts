import type { BatchEnd } from '../../core/entry.ts'
import type { SlotRanges } from '../../core/ring/slot-ranges.ts'
import type { RingLog } from '../index.ts'
import { makeSideConnections, once, type SideConnection, type SideOptions } from './side-connection.ts'

export type PostgresRingLogOptions = SideOptions

/** What the ring asks of a log in Postgres: each entry over a short connection of its own. */
export function makePostgresRingLog(options: PostgresRingLogOptions): RingLog {
  const connections = makeSideConnections(options)

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
    append: (...entry) => connections.open('ring', (side) => once(side, append(side, ...entry))),
  }
}
