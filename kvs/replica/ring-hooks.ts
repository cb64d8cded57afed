import type { SpooledWrite } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { slotOf } from '../core/ring/key-slot.ts'
import { ringEntryIn } from '../core/ring/ring-text.ts'
import { allSlots, hasSlot, isSameSlots } from '../core/ring/slot-ranges.ts'
import type { RingChangeEntry } from '../log/index.ts'
import type { Passing } from './append/given-away.ts'

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
   * Takes an entry on the ring that the log has: from now on `requireOwned` goes by it. Called with the newest one
   * whenever a session is opened, before anything is served or appended by that, and with each that is applied later,
   * in the same step. In the order of their sequences; the same one may come again.
   * @returns whether the log owns other slots from now on: then readers see other keys in lists and counts
   * @throws where it can't read the text; the node has diverged then
   */
  note(entry: RingChangeEntry): boolean
  /**
   * Whether a key that the log holds is a copy, which is another member's: lists and counts leave it out. It costs
   * next to nothing where there are no copies, and a hash of the key where there may be some.
   */
  isCopy(key: string): boolean
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

/**
 * Has the node go by an entry on the ring: what waits in vain from now on is rejected at once.
 * @throws as `RingGuard.note`; and without a guard, since the node could not know which keys the log takes
 */
export function takeRing(
  { ring }: RingHooks,
  entry: RingChangeEntry,
  queues: readonly { rejectWhere(refusalOf: RefusalOf): void }[],
): void {
  if (ring === undefined) {
    // A ring that was given up has left the log all that there is.
    if (isSameSlots(ringEntryIn(entry.text)?.owns ?? [], allSlots)) return
    throw new Error('the log belongs to a member of a ring: set KVS_ADDRESS, and not KVS_PEERS')
  }
  ring.note(entry)
  const unowned = unownedBy(ring)
  for (const queue of queues) queue.rejectWhere(unowned)
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
