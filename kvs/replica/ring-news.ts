import type { Entry } from '../core/entry.ts'
import { Diverged, type LogSession, type RingChangeEntry } from '../log/index.ts'

/** The log's entries on the ring: what the node knows of them, and what it has told the log of that. */
export interface RingNews {
  /** Whether entries were applied that the session has not told of: it can't append before it has. */
  readonly isUntold: boolean
  /** A session is open, which has told of what its head has. */
  begin(head: LogSession['head']): void
  /** The entry is applied, in this step. Does nothing where it is not on the ring, or older than what was noted. */
  apply(entry: Entry): void
  /** Has the session tell of all that was applied. Rejects as `LogSession.seeRing`. */
  tell(session: LogSession): Promise<void>
}

/** @param onRing takes each entry; what it throws says why the node can't go by that */
export function makeRingNews(onRing: (entry: RingChangeEntry) => void): RingNews {
  /** Sequence of the newest entry that `onRing` was called with; 0n before one. */
  let noted = 0n
  /** Sequence through which the session has told of entries. */
  let told = 0n

  function note(entry: RingChangeEntry): void {
    try {
      onRing(entry)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const message = `this node can’t go by entry ${entry.sequence} of the log, which is on the ring: ${reason}`
      throw new Diverged(message, { cause: error })
    }
    noted = entry.sequence
  }

  return {
    get isUntold() {
      return noted > told
    },
    begin({ ring }) {
      told = ring?.sequence ?? 0n
      // A log that lost its tail before this node had read it may be behind what was noted.
      noted = told
      if (ring !== undefined) note(ring)
    },
    apply({ sequence, write: { kind, key } }) {
      if (kind === 'ring' && sequence > noted) note({ sequence, text: key })
    },
    async tell(session) {
      const through = noted
      await session.seeRing(through)
      told = through
    },
  }
}
