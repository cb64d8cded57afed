import { KvsError, NotOwner } from '../core/errors.ts'
import { addressesIn, membersOf, ownerOf, type Ring, type RingEntry, slotsOfMember } from '../core/ring/description.ts'
import { slotOf } from '../core/ring/key-slot.ts'
import { ringEntryIn } from '../core/ring/ring-text.ts'
import {
  allSlots,
  countSlots,
  formatRanges,
  hasSlot,
  isSameSlots,
  type SlotRanges,
  slotsInBoth,
} from '../core/ring/slot-ranges.ts'
import type { Logger } from '../lib/logging.ts'
import { Diverged, type RingChangeEntry } from '../log/index.ts'

/**
 * What this node knows of the ring. What it owns is what its own log says, entry by entry, and nothing else; where it
 * sends the keys of others is what the newest description says that it has heard of.
 */
export interface OwnRing {
  /** This node's address in the ring. */
  readonly self: string
  /** The newest entry that the node's log has on the ring; undefined where there is none. */
  readonly bound: RingEntry | undefined
  /** Sequence of that entry; 0n where there is none. */
  readonly boundAt: bigint
  /** The newest description that is known, also of a ring that was given up; undefined where there never was one. */
  readonly latest: Ring | undefined
  /** The same; undefined where the node is in no ring. */
  readonly current: Ring | undefined
  /** The slots whose keys the log takes. */
  readonly owns: SlotRanges
  /** Whether the log may hold keys of other slots. */
  readonly mayHoldCopies: boolean
  /** As `RingService.versionText`. */
  versionText(): string
  ownsKey(key: string): boolean
  /** @throws NotOwner */
  requireOwned(key: string): void
  /** As `RingService.ownersOf`. */
  ownersOf(key: string): readonly string[]
  /** As `RingService.members`. */
  members(): readonly string[]
  /** Whether a key that the log holds is a copy, which is another member's. */
  isCopy(key: string): boolean
  /**
   * Takes an entry of the log, in their order.
   * @returns whether the log owns other slots from now on
   * @throws Diverged where that is none of this program's
   */
  note(entry: RingChangeEntry): boolean
  /**
   * Takes the newest entry that the log has, and that this node has not applied: what it gives away is no longer this
   * log's, and what it gives the log is not here yet. Undefined takes back what was foreseen.
   * @returns, and throws, as `note`
   */
  foresee(entry: RingChangeEntry | undefined): boolean
  /** The log was found to hold no copies. That stays so as long as its newest entry on the ring is this one. */
  noteNoCopies(boundAt: bigint): void
  /** Takes over a description that was decided. Returns whether it is newer than the one before. */
  hear(ring: Ring): boolean
  /** As `RingService.onNews`. */
  onNews(callback: () => void): () => void
}

/** Whether somebody is in the ring, or is about to be. One that was given up has an entry in logs all the same. */
export function isFormed({ positions, next }: Ring): boolean {
  return positions.size > 0 || next !== undefined
}

/** @param configured this node's address, which counts as long as its log is in no ring */
export function makeOwnRing(configured: string, logger: Logger): OwnRing {
  let bound: RingEntry | undefined
  let boundAt = 0n
  let mayHoldCopies = false
  /** What is foreseen, until it is applied. */
  let ahead: RingEntry | undefined
  let aheadAt = 0n
  let heard: Ring | undefined
  const listeners = new Set<() => void>()

  const isIn = (ring: Ring) => isFormed(ring) && (bound?.ring.id === ring.id || addressesIn(ring).includes(configured))
  const current = () => (heard !== undefined && isIn(heard) ? heard : undefined)
  const self = () => (bound !== undefined && isFormed(bound.ring) ? bound.self : configured)
  const ownsByLog = () => bound?.owns ?? ownedUnbound()
  const owns = () => (ahead === undefined ? ownsByLog() : slotsInBoth(ownsByLog(), ahead.owns))

  /** What a log without an entry on the ring takes: all, unless the ring counts on it, as on a new log. */
  function ownedUnbound(): SlotRanges {
    const { positions = new Map(), joining = [] } = current() ?? {}
    return positions.size === 0 || joining.includes(configured) ? allSlots : slotsOfMember(positions, configured)
  }

  function hear(ring: Ring): boolean {
    const isNewer = ring.id === heard?.id ? ring.version > heard.version : heard === undefined || !isIn(heard)
    if (!isNewer) return false
    heard = ring
    tellNews()
    return true
  }

  /** What a log says counts, whatever was heard of another ring. */
  function takeHeard(ring: Ring): void {
    if (heard?.id !== ring.id) heard = ring
    else hear(ring)
  }

  function tellNews(): void {
    for (const callback of [...listeners]) callback()
  }

  function foreseen(entry: RingChangeEntry | undefined): void {
    ahead = entry && entryIn(entry.sequence, entry.text)
    aheadAt = entry?.sequence ?? 0n
  }

  const ring: OwnRing = {
    get self() {
      return self()
    },
    get bound() {
      return bound
    },
    get boundAt() {
      return boundAt
    },
    get latest() {
      return heard
    },
    get current() {
      return current()
    },
    get owns() {
      return owns()
    },
    get mayHoldCopies() {
      return mayHoldCopies
    },
    versionText() {
      const known = current()
      return known === undefined ? '' : `${known.id}=${known.version}`
    },
    ownsKey: (key) => (bound === undefined && heard === undefined) || hasSlot(owns(), slotOf(key)),
    requireOwned(key) {
      if (!ring.ownsKey(key)) throw new NotOwner(ring.versionText())
    },
    isCopy: (key) => mayHoldCopies && !ring.ownsKey(key),
    ownersOf(key) {
      const { positions, next } = current() ?? {}
      const slot = slotOf(key)
      const owners = [positions && ownerOf(positions, slot), next && ownerOf(next, slot)]
      const known = owners.filter((owner) => owner !== undefined)
      return known.length > 0 ? [...new Set(known)] : [self()]
    },
    members() {
      const members = membersOf(current()?.positions ?? new Map())
      return members.length > 0 ? members : [self()]
    },
    note({ sequence, text }) {
      if (sequence <= boundAt) return false
      const entry = entryIn(sequence, text)
      const [wasSelf, wasBound, owned] = [self(), bound, owns()]
      bound = entry
      boundAt = sequence
      if (sequence >= aheadAt) foreseen(undefined)
      mayHoldCopies = !isSameSlots(bound.owns, allSlots)
      takeHeard(entry.ring)
      if (bound.ring.version !== wasBound?.ring.version || !isSameSlots(bound.owns, wasBound.owns)) {
        const version = `version ${bound.ring.version} of the ring ${bound.ring.id}`
        logger.info(`${version}: this log owns ${countSlots(bound.owns)} slots (${formatRanges(bound.owns) || 'none'})`)
      }
      if (self() !== configured && self() !== wasSelf) {
        logger.warn(`the log is the member ${self()} of its ring, whatever KVS_ADDRESS (${configured}) says`)
      }
      tellNews()
      return !isSameSlots(owns(), owned)
    },
    foresee(entry) {
      const owned = owns()
      foreseen(entry)
      if (ahead !== undefined) {
        mayHoldCopies = true
        takeHeard(ahead.ring)
      }
      tellNews()
      return !isSameSlots(owns(), owned)
    },
    noteNoCopies(at) {
      if (at === boundAt) mayHoldCopies = false
    },
    hear,
    onNews(callback) {
      listeners.add(callback)
      return () => void listeners.delete(callback)
    },
  }
  return ring
}

/** @throws Diverged */
function entryIn(sequence: bigint, text: string): RingEntry {
  const entry = ringEntryIn(text)
  if (entry !== undefined) return entry
  throw new Diverged(`its entry ${sequence} is on a ring, and not one of this version’s`)
}

/** @throws KvsError ring_conflict */
export function conflict(sentence: string): never {
  throw new KvsError('ring_conflict', `${sentence}; nothing was changed`)
}
