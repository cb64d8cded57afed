import type { RingLog } from '../index.ts'
import { makeSideConnections, once, type SideOptions } from './memory-side.ts'

export type MemoryRingLogOptions = SideOptions

/** What the ring asks of a log in the memory of this process, as of one in Postgres. */
export function makeMemoryRingLog(options: MemoryRingLogOptions): RingLog {
  const { open, registerWriter } = makeSideConnections(options)
  return {
    append: (text, seen, vacated) =>
      open(async (connection, logId) => {
        const { writer, statements } = await registerWriter(connection, logId, 'ring')
        return once(connection, writer.appendRing(statements, text, seen, vacated))
      }),
  }
}
