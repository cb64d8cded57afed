import { KvsError } from '../core/errors.ts'
import { ringEntryIn } from '../core/ring/ring-text.ts'
import { allSlots, isSameSlots } from '../core/ring/slot-ranges.ts'
import type { RingState } from '../kv/index.ts'
import type { RingChangeEntry } from '../log/index.ts'
import type { RingTaker } from './ring-news.ts'

/** How a replica of the log of a ring's member and what the node does for the ring know of each other. */
export interface RingHooks {
  /** Undefined where the log is no member's. Then an entry on the ring is one of an unknown kind. */
  readonly ring?: RingGuard | undefined
}

export interface RingGuard {
  /** @throws NotOwner where the log does not take the key */
  requireOwned(key: string): void
  /**
   * Takes an entry on the ring: from now on `requireOwned` goes by it. Called with each that is applied, in the same
   * step, and with the newest one when a session is opened or its head was reached. In the order of their sequences; the
   * same one may come again.
   * @returns whether the log owns other slots from now on: then readers see other keys in lists and counts
   * @throws where it can't read the text; the node has diverged then
   */
  note(entry: RingChangeEntry): boolean
  /**
   * Takes the log's newest entry, which the node is yet to apply, before anything is served or appended by the session
   * that has brought it. What it gives away is not owned from now on, and what it gives the log is not owned yet, as the
   * node lacks keys of it. Undefined where the log lost an entry that was foreseen.
   * @returns, and throws, as `note`
   */
  foresee(entry: RingChangeEntry | undefined): boolean
  /**
   * Whether a key that the log holds is a copy, which is another member's: lists and counts leave it out. It costs
   * next to nothing where there are no copies, and a hash of the key where there may be some.
   */
  isCopy(key: string): boolean
  /** The slots whose keys the log takes, as `requireOwned` goes by them. */
  state(): Pick<RingState, 'owns'>
}

/** Error for a client that asks for this key; undefined where the log takes it. */
export type RefusalOf = (key: string) => KvsError | undefined

/** What the ring's log does not take, by what it was told last. */
export function unownedBy(ring: Pick<RingGuard, 'requireOwned'>): RefusalOf {
  return (key) => {
    try {
      ring.requireOwned(key)
      return undefined
    } catch (error) {
      if (error instanceof KvsError) return error
      throw error
    }
  }
}

/** What goes by the ring, beside the guard itself. */
export interface RingFollowers {
  /** What waits in them in vain from now on is rejected at once. */
  readonly queues: () => readonly { rejectWhere(refusalOf: RefusalOf): void }[]
  /** The log owns other slots from now on. */
  readonly onOwnsOthers: () => void
}

/** Has the node go by entries on the ring. Without a guard it can't: it could not know which keys the log takes. */
export function makeRingTaker({ ring }: RingHooks, { queues, onOwnsOthers }: RingFollowers): RingTaker {
  function take(entry: RingChangeEntry | undefined, act: 'note' | 'foresee'): void {
    if (ring === undefined) {
      // A ring that was given up has left the log all that there is.
      if (entry === undefined || isSameSlots(ringEntryIn(entry.text)?.owns ?? [], allSlots)) return
      throw new Error('the log belongs to a member of a ring: set KVS_ADDRESS, and not KVS_PEERS')
    }
    const ownsOthers = act === 'note' && entry !== undefined ? ring.note(entry) : ring.foresee(entry)
    const unowned = unownedBy(ring)
    for (const queue of queues()) queue.rejectWhere(unowned)
    if (ownsOthers) onOwnsOthers()
  }
  return { note: (entry) => take(entry, 'note'), foresee: (entry) => take(entry, 'foresee') }
}

/** The refusal of the first key that has one. */
export function firstRefusal(refusalOf: RefusalOf, keys: readonly string[]): KvsError | undefined {
  for (const key of keys) {
    const refusal = refusalOf(key)
    if (refusal !== undefined) return refusal
  }
  return undefined
}
