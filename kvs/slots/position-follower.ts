import type { Entry, LogPoint } from '../core/entry.ts'
import { Diverged } from '../log/index.ts'
import type { LogFollower } from '../replica/index.ts'
import type { LogPosition } from '../spool/index.ts'

/**
 * Follows a log from a position on and keeps the position only, without a view: the drain of an orphaned spool needs no
 * more.
 * @param onOthers called for each effective entry that another writer than the session's has written
 * @param onOwn called for each entry that the session's writer has written
 */
export function makePositionFollower(
  { logId, ...start }: LogPosition,
  onOthers: (entry: Entry) => void,
  onOwn: (entry: Entry) => void = () => undefined,
): LogFollower {
  let position: LogPoint = start

  /** @param gapsUpTo sequences up to here may have gaps */
  function advance(entry: Entry, gapsUpTo: bigint): void {
    const { sequence, digest } = entry
    if (sequence !== position.sequence + 1n && sequence > gapsUpTo) {
      throw new Diverged(`entry ${sequence} of the log came after entry ${position.sequence}`)
    }
    position = { sequence, digest }
    if (entry.isOwn) onOwn(entry)
    else if (!entry.superseded) onOthers(entry)
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
        for (const entry of page) advance(entry, session.head.adoptedThrough)
      }
    },
  }
}
