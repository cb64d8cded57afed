import type { SpooledWrite } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { slotOf } from '../core/ring/key-slot.ts'
import { ringEntryIn } from '../core/ring/ring-text.ts'
import { allSlots, hasSlot, isSameSlots } from '../core/ring/slot-ranges.ts'
import type { RingState } from '../kv/index.ts'
import type { RingChangeEntry } from '../log/index.ts'
import type { Passing } from './append/given-away.ts'
import type { RingTaker } from './ring-news.ts'

/** How a replica of the log of a ring's member and what the node does for the ring know of each other. */
export interface RingHooks {
  /** Undefined where the log is no member's. Then an entry on the ring is one of an unknown kind. */
  readonly ring?: RingGuard | undefined
  /** Undefined where the log is no member's, or has no other members to pass on to. */
  readonly passOn?: PassOn | undefined
}

/**
 * Passes on a spooled write whose key the log has given away, to the member that owns it now. It is done there once,
 * however often it is passed on, and superseded where the key has changed there. Rejects where no owner can be asked
 * now: then it may have been done or not, and is to be passed on again.
 */
export type PassOn = (spooled: SpooledWrite) => Promise<void>

export interface RingGuard {
  /** @throws NotOwner where the log does not take the key */
  requireOwned(key: string): void
  /**
   * Takes an entry on the ring: from now on `requireOwned` goes by it. Called with each that is applied, in the same
   * step, and with the newest one when a session is opened or its head was reached. In the order of their sequences;
   * the same one may come again.
   * @returns whether the log owns other slots from now on: then readers see other keys in lists and counts
   * @throws where it can't read the text; the node has diverged then
   */
  note(entry: RingChangeEntry): boolean
  /**
   * Takes the log's newest entry, which the node is yet to apply, before anything is served or appended by the session
   * that has brought it. What it gives away is not owned from now on, and what it gives the log is not owned yet, as
   * the node lacks keys of it. Undefined where the log lost an entry that was foreseen.
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

/** How the node's spool is drained where its log has given keys away; undefined where there is no other member. */
export function passingOf({ ring, passOn }: RingHooks): Passing | undefined {
  if (ring === undefined || passOn === undefined) return undefined
  const unowned = unownedBy(ring)
  return { owns: (key) => unowned(key) === undefined, passOn }
}

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

/**
 * Whether a log takes a key, by its newest entry on the ring, or by there being none.
 * @throws where it can't read the entry's text
 */
export function ownedBy(newest: RingChangeEntry | undefined): (key: string) => boolean {
  if (newest === undefined) return () => true
  const entry = ringEntryIn(newest.text)
  if (entry === undefined) throw new Error(`entry ${newest.sequence} of the log is on a ring, and can’t be read`)
  return (key) => hasSlot(entry.owns, slotOf(key))
}

/** The refusal of the first key that has one. */
export function firstRefusal(refusalOf: RefusalOf, keys: readonly string[]): KvsError | undefined {
  for (const key of keys) {
    const refusal = refusalOf(key)
    if (refusal !== undefined) return refusal
  }
  return undefined
}
