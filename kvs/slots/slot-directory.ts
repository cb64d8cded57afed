import type { Entry, LogPoint } from '../core/entry.ts'
import { Diverged } from '../log/index.ts'
import type { Following } from '../replica/index.ts'
import type { LogPosition } from '../spool/index.ts'

/**
 * Follows a log from a position on for nothing but the position: where a spool is drained of which nobody reads.
 * @param onOthers is told of each entry read that has an effect and that the session's writer has not written itself
 */
export function makePlace({ logId, ...from }: LogPosition, onOthers: (entry: Entry) => void): Following {
  let position: LogPoint = from

  function pass(entry: Entry, gapsUpTo: bigint): void {
    const { sequence, digest } = entry
    if (sequence !== position.sequence + 1n && sequence > gapsUpTo) {
      throw new Diverged(`entry ${sequence} of the log came after entry ${position.sequence}`)
    }
    position = { sequence, digest }
    if (!entry.isOwn && !entry.superseded) onOthers(entry)
  }

  return {
    logId,
    view: {
      get position() {
        return position
      },
    },

    async readThrough(session, sequence) {
      while (position.sequence < sequence) {
        const page = await session.read(position.sequence)
        if (page.length === 0) throw new Diverged(`the log breaks off before ${sequence}`)
        for (const entry of page) pass(entry, session.head.adoptedThrough)
      }
    },
  }
}
