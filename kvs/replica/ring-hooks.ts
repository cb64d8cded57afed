import { KvsError } from '../core/errors.ts'
import { ringEntryIn } from '../core/ring/ring-text.ts'
import { allSlots, isSameSlots } from '../core/ring/slot-ranges.ts'
import type { RingState } from '../kv/index.ts'
import type { RingChangeEntry } from '../log/index.ts'

/** How a replica of the log of a ring's member and what the node does for the ring know of each other. */
export interface RingHooks {
  /** Undefined where the log is no member's. Then an entry on the ring is one of an unknown kind. */
  readonly ring?: RingGuard | undefined
}

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

/**
 * Has the node go by an entry on the ring: what waits in vain from now on is rejected at once.
 * @returns as `RingGuard.note`
 * @throws as that; and without a guard, since the node could not know which keys the log takes
 */
export function takeRing(
  { ring }: RingHooks,
  entry: RingChangeEntry,
  queues: readonly { rejectWhere(refusalOf: RefusalOf): void }[],
): boolean {
  if (ring === undefined) {
    // A ring that was given up has left the log all that there is.
    if (isSameSlots(ringEntryIn(entry.text)?.owns ?? [], allSlots)) return false
    throw new Error('the log belongs to a member of a ring: set KVS_ADDRESS, and not KVS_PEERS')
  }
  const ownsOthers = ring.note(entry)
  const unowned = unownedBy(ring)
  for (const queue of queues) queue.rejectWhere(unowned)
  return ownsOthers
}

/** The refusal of the first key that has one. */
export function firstRefusal(refusalOf: RefusalOf, keys: readonly string[]): KvsError | undefined {
  for (const key of keys) {
    const refusal = refusalOf(key)
    if (refusal !== undefined) return refusal
  }
  return undefined
}
