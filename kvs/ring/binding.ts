import { type Position, positionAt } from '../core/position.ts'
import { addressesIn, isSamePositions, type Ring, type RingEntry, slotsOfMember } from '../core/ring/description.ts'
import { allSlots, isSameSlots, type SlotRanges, slotsInBoth, slotsWithout } from '../core/ring/slot-ranges.ts'
import { makeOwnEntries, type OwnEntriesParts, type Plan, requireEmpty } from './own-entries.ts'
import { conflict, isFormed } from './own-ring.ts'

/**
 * Binds this node's log to a ring: appends what the log owns from there on. An entry is based on what the log had
 * through a sequence, and the log refuses it where that does not hold any more; then it is decided anew. Each function
 * is idempotent, and any node of the log may call it at any time.
 */
export interface Binding {
  /** Has the log be ready for an entry that may be soon. Never rejects. */
  getReady(): void
  /**
   * Gives up what `ring.next` takes from this log. On return the log has an entry that says so, of that version.
   * Rejects with `ring_conflict` where it can't: who joins has no keys to give.
   * @param isCheck only looks whether it could
   * @returns a position of the log that has the entry
   */
  give(ring: Ring, isCheck: boolean): Promise<Position>
  /**
   * Has the log know of a change that is to give it slots: on return it has an entry of that version, which changes
   * nothing of what it owns. Rejects with `ring_conflict` where the change is over, as far as the log knows.
   */
  prepare(ring: Ring): Promise<void>
  /**
   * Has the log own what a settled version says, unless it has an entry of this one or a later one. It gives up nothing
   * by that which it has not given up before; unless it was restored, or is a new log, and then others have that by
   * now, whatever keys are there still.
   */
  settle(ring: Ring): Promise<void>
  /**
   * Appends the next version, as its home.
   * @returns false where another version is the newest by now
   */
  decide(ring: Ring): Promise<boolean>
  /**
   * Appends a version that takes members out without their keys, as its home: that of the version before, or the one
   * that is the home from then on. It owns at once what comes to it.
   * @param after the newest version that is known
   * @returns false where the log has a later one, or a change that is under way at this home
   */
  decideWithout(ring: Ring, after: number): Promise<boolean>
  /**
   * Appends the log's newest entry on the ring once more, which changes nothing. Does nothing where the log is known to
   * take writes; on return it is, if it has such an entry.
   */
  repeat(): Promise<void>
}

export function makeBinding(parts: OwnEntriesParts): Binding {
  const { own, node } = parts
  const { append, getReady } = makeOwnEntries(parts)
  const here = () => positionAt(node.logId(), node.sequence())
  return {
    getReady,
    async give(ring, isCheck) {
      requireGivable(parts, ring)
      const owns = () => slotsInBoth(own.owns, keptThrough(ring, own.self))
      // The keys of a member move on; who joins has no member yet that would take them.
      const isEmptied = isJoining(ring, own.self)
      if (isCheck) {
        getReady()
        if (isEmptied) await requireEmpty(parts, slotsWithout(own.owns, owns()))
        return here()
      }
      const plan: Plan = (bound) => {
        requireGivable(parts, ring)
        const isDone = isVersion(bound, ring) && isSameSlots(own.owns, owns())
        return isDone ? undefined : entryOf(bound, ring, own.self, owns())
      }
      await append(plan, { isEmptied })
      return here()
    },
    async prepare(ring) {
      const plan: Plan = (bound) => {
        requireGivable(parts, ring)
        const owns = slotsInBoth(own.owns, slotsOfMember(ring.positions, own.self))
        return isVersion(bound, ring) ? undefined : entryOf(bound, ring, own.self, owns)
      }
      await append(plan, { isEmptied: true })
    },
    async settle(ring) {
      const isDone = (bound: RingEntry | undefined) =>
        // Or it is in another ring.
        bound !== undefined && (isOf(bound, ring) ? bound.ring.version >= ring.version : isFormed(bound.ring))
      if (isDone(own.bound)) return
      const plan: Plan = (bound) =>
        isDone(bound) ? undefined : entryOf(bound, ring, own.self, ownedBy(ring, own.self))
      await append(plan)
    },
    async decide(ring) {
      let isDecided = false
      await append((bound) => {
        isDecided = bound === undefined || !isFormed(bound.ring) ? isFirst(ring, bound) : follows(ring, bound.ring)
        if (!isDecided) return undefined
        return entryOf(bound, ring, own.self, ring.next === undefined ? ownedBy(ring, own.self) : own.owns)
      })
      return isDecided
    },
    async decideWithout(ring, after) {
      let isDecided = false
      await append((bound) => {
        isDecided = bound !== undefined && isOf(bound, ring) && mayFollow(bound.ring, own.self, after)
        return isDecided ? entryOf(bound, ring, own.self, ownedBy(ring, own.self)) : undefined
      })
      return isDecided
    },
    // Another node of the log may have done so meanwhile.
    repeat: () => append((bound) => (node.noWritesReason() === undefined ? undefined : bound)),
  }
}

const isOf = (bound: RingEntry | undefined, { id }: Ring) => bound?.ring.id === id

const isVersion = (bound: RingEntry | undefined, ring: Ring) =>
  isOf(bound, ring) && bound?.ring.version === ring.version

/** Whether the change brings the member into the ring: until then it had everything to itself. */
const isJoining = ({ positions, joining = [] }: Ring, self: string) => positions.size === 0 || joining.includes(self)

/** Where there is no ring, or one that was given up. */
const isFirst = (ring: Ring, bound: RingEntry | undefined) => ring.version === 1 && !isOf(bound, ring)

function follows(ring: Ring, before: Ring): boolean {
  if (ring.id !== before.id || ring.version !== before.version + 1) return false
  // A change that is under way is settled: as it was to be, or as all was before.
  if (before.next === undefined) return ring.next !== undefined
  return ring.next === undefined && [before.next, before.positions].some((one) => isSamePositions(one, ring.positions))
}

/** Whether members may be taken out without their keys, by a log that has this version. */
function mayFollow({ home, version, next }: Ring, self: string, after: number): boolean {
  return home === self ? version === after && next === undefined : version <= after
}

function entryOf(bound: RingEntry | undefined, ring: Ring, self: string, owns: SlotRanges): RingEntry {
  const keeps = bound !== undefined && isOf(bound, ring) ? keptBy(bound, ring, self, owns) : []
  return { ring, self, owns, ...(keeps.length > 0 && { keeps }) }
}

/**
 * The slots of others whose keys a log keeps, since it may be the only one that has them. They are all, where it was
 * lost for the others and is there again, or has versions of the ring that they did not know when they went on; and
 * those of members that were lost, of which it may have copies, since it was to take them or had just given them. That
 * is so until it gets slots, and not for those that it is about to take.
 */
function keptBy(bound: RingEntry, ring: Ring, self: string, owns: SlotRanges): SlotRanges {
  const { ring: before, owns: had, keeps = [] } = bound
  const lost = (ring.lost ?? []).filter(({ version }) => before.version < version)
  const isLeftOut = lost.some(({ address, after }) => address === self || before.version > after)
  const ofLost = [before.positions, before.next ?? new Map<number, string>()].flatMap((positions) =>
    lost.map(({ address }) => slotsOfMember(positions, address)),
  )
  const isMore = slotsWithout(owns, had).length > 0
  const kept = isLeftOut ? [allSlots] : [...ofLost, isMore ? [] : keeps]
  const others = kept.reduce(slotsWithout, allSlots)
  return [others, owns, slotsOfMember(ring.next ?? new Map(), self)].reduce(slotsWithout, allSlots)
}

/** What a member has before a change and after it. Who joins brings nothing along, unless the ring is being formed. */
function keptThrough({ positions, next = new Map() }: Ring, self: string): SlotRanges {
  const after = slotsOfMember(next, self)
  return positions.size === 0 ? after : slotsInBoth(slotsOfMember(positions, self), after)
}

/** Every key, where a ring was given up. */
function ownedBy(ring: Ring, self: string): SlotRanges {
  return isFormed(ring) ? slotsOfMember(ring.positions, self) : allSlots
}

/** @throws KvsError ring_conflict, not_ready */
function requireGivable({ own, node }: OwnEntriesParts, ring: Ring): void {
  node.requireReadable()
  const { bound, self } = own
  if (ring.next === undefined) conflict('there is nothing to give up')
  if (!addressesIn(ring).includes(self))
    conflict(`the node has the address ${self}, which the ring does not name (KVS_ADDRESS)`)
  if (bound === undefined) return
  if (isOf(bound, ring) && bound.ring.version > ring.version) conflict(`${self} knows a later version of the ring`)
  if (!isOf(bound, ring) && isFormed(bound.ring)) conflict(`${self} is in another ring`)
}
