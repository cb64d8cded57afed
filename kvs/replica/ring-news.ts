import type { Entry } from '../core/entry.ts'
import { Diverged, type LogSession, type RingChangeEntry } from '../log/index.ts'

/** The log's entries on the ring: what the node knows of them, and what it has told the log of that. */
export interface RingNews {
  /** Whether entries were applied that the session has not told of: it can't append before it has. */
  readonly isUntold: boolean
  /**
   * A session is open, which has told of what its head has. Where the node has yet to apply that, it foresees it.
   * @param applied sequence through which the node has applied the log
   */
  begin(head: LogSession['head'], applied: bigint): void
  /** All that the session's head has is applied, in this step: what was foreseen is noted. */
  caughtUp(): void
  /** The entry is applied, in this step. Does nothing where it is not on the ring, or older than what is known. */
  apply(entry: Entry): void
  /** Has the session tell of all that was applied. Rejects as `LogSession.seeRing`. */
  tell(session: LogSession): Promise<void>
}

/** Takes entries on the ring. What a function throws says why the node can't go by them. */
export interface RingTaker {
  /** The entry is applied. */
  note(entry: RingChangeEntry): void
  /** The entry is the log's newest, and yet to be applied. Undefined where what was foreseen is not in the log. */
  foresee(entry: RingChangeEntry | undefined): void
}

export function makeRingNews(taker: RingTaker): RingNews {
  /** Sequence of the newest entry that is known; 0n before one. */
  let known = 0n
  /** Sequence through which the session has told of entries. */
  let told = 0n
  /** What is known, and was not applied yet. */
  let foreseen: RingChangeEntry | undefined

  function take(act: 'note' | 'foresee', entry: RingChangeEntry): void {
    try {
      taker[act](entry)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const message = `this node can’t go by entry ${entry.sequence} of the log, which is on the ring: ${reason}`
      throw new Diverged(message, { cause: error })
    }
    known = entry.sequence
    foreseen = act === 'foresee' ? entry : undefined
  }

  return {
    get isUntold() {
      return known > told
    },
    begin({ ring }, applied) {
      told = ring?.sequence ?? 0n
      // A log that lost its tail before this node had read it may be behind what was foreseen.
      known = told
      if (foreseen !== undefined) taker.foresee(undefined)
      foreseen = undefined
      if (ring !== undefined) take(ring.sequence <= applied ? 'note' : 'foresee', ring)
    },
    caughtUp() {
      if (foreseen !== undefined) take('note', foreseen)
    },
    apply({ sequence, write: { kind, key } }) {
      if (kind === 'ring' && sequence > known) take('note', { sequence, text: key })
    },
    async tell(session) {
      const through = known
      await session.seeRing(through)
      told = through
    },
  }
}
