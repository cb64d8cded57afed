import { membersOf } from '../../core/ring/description.ts'
import { slotOf } from '../../core/ring/key-slot.ts'
import type { SlotRanges } from '../../core/ring/slot-ranges.ts'
import { allSlots, hasSlot, slotsWithout } from '../../core/ring/slot-ranges.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/logging.ts'
import type { Random } from '../../lib/random.ts'
import { askedOfLog, type KeyMover, type RingLog } from '../../log/index.ts'
import type { OrderedKeys } from '../../order/index.ts'
import type { MemberClient } from '../member-client.ts'
import type { OwnNode } from '../own-node.ts'
import type { OwnRing } from '../own-ring.ts'
import { removalOf } from './differences.ts'
import type { Pace } from './pace.ts'

export interface CopiesParts {
  readonly own: OwnRing
  readonly node: OwnNode
  readonly ringLog: Pick<RingLog, 'openMover'>
  readonly memberAt: (address: string) => MemberClient
  readonly pace: Pace
  /** Aborts when the node is told to stop. */
  readonly stopping: AbortSignal
  readonly logger: Logger
}

/** The copies that this log holds of others' keys: of those that it had, and of those that it was to have. */
export interface Copies {
  /** How many there were when they were last counted; undefined before, and while a change is under way. */
  readonly count: number | undefined
  /**
   * Deletes those whose owner says, by the same version of the ring, that its log owns them. Any node of the log may do
   * that at any time; it does nothing while a change is under way. Keys that nobody may have taken over stay.
   * Rejects as the log does.
   */
  clear(): Promise<void>
}

/** Keys of a batch: clients' writes do not wait for long behind it. */
const batchKeys = 500

export function makeCopies(parts: CopiesParts): Copies {
  const { own, node, ringLog, logger } = parts
  let counted: { readonly at: bigint; readonly count: number; readonly isAllKept: boolean } | undefined

  return {
    get count() {
      if (!own.mayHoldCopies) return 0
      return counted?.at === own.boundAt ? counted.count : undefined
    },
    async clear() {
      if (!own.mayHoldCopies || own.bound === undefined || own.bound.ring.next !== undefined) return
      const at = own.boundAt
      const isFirst = counted?.at !== at
      if (!isFirst && counted?.isAllKept) return
      const { keeps = [] } = own.bound
      const held = await node.keysIn(slotsWithout(allSlots, own.owns))
      const kept = keeps.length === 0 ? 0 : await node.countKeysIn(keeps)
      const note = (count: number) => {
        counted = { at, count, isAllKept: kept > 0 && count <= kept }
      }
      note(held.size)
      if (held.size === 0) {
        // A write in the spool is shown over what the log has.
        if (node.spooled() === 0) own.noteNoCopies(at)
        return
      }
      if (isFirst && kept > 0)
        logger.warn(`this log keeps ${kept} keys of slots that are others’: nobody may have taken them over`)
      if (held.size <= kept) return
      const mover = await askedOfLog(ringLog.openMover())
      if (mover === undefined) return
      try {
        await node.waitForHead()
        const deleted = own.boundAt === at ? await clear(parts, { mover, held, keeps, at }) : 0
        if (deleted > 0) logger.info(`copies of others’ keys that were deleted: ${deleted}`)
        note(held.size - deleted)
      } finally {
        await mover.close()
      }
    },
  }
}

/** How often copies are looked for, in milliseconds, as long as there may be any. */
const lookMs = 2_000

/** Clears copies away until the signal aborts. Never rejects. */
export async function keepClearing(copies: Copies, parts: KeepClearing, signal: AbortSignal): Promise<void> {
  const { logger, clock, random } = parts
  let told = ''
  while (!signal.aborted) {
    try {
      await copies.clear()
      told = ''
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (reason !== told && !signal.aborted) logger.warn(`copies of others’ keys can’t be deleted yet: ${reason}`)
      told = reason
    }
    await clock.sleep(lookMs * (0.75 + random.fraction() / 2), signal)
  }
}

interface KeepClearing {
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

interface Clearing {
  readonly mover: KeyMover
  readonly held: OrderedKeys
  /** The slots whose keys stay. */
  readonly keeps: SlotRanges
  /** Sequence of the entry on the ring that says what this log owns. */
  readonly at: bigint
}

/** Returns how many keys were deleted. */
async function clear(parts: CopiesParts, { mover, held, keeps, at }: Clearing): Promise<number> {
  const { own, node, pace, stopping } = parts
  const owned = slotsWithout(await ownedByOthers(parts), keeps)
  const walk = held
    .snapshot()
    .walk({ ranges: [{ from: Buffer.alloc(0), to: undefined }], limit: undefined, delimiter: undefined })
  let deleted = 0
  for (let keys = walk.take(batchKeys); keys.length > 0 && !stopping.aborted; keys = walk.take(batchKeys)) {
    const texts = keys.map((key) => key.toString())
    const moved = texts.filter((key) => hasSlot(owned, slotOf(key))).flatMap((key) => removalOf(node, key))
    if (moved.length === 0) continue
    if (own.boundAt !== at || (await askedOfLog(mover.append(moved, at))) === undefined) break
    deleted += moved.length
    await pace.after(moved.length, () => own.boundAt === at && !stopping.aborted)
  }
  return deleted
}

/** The slots that other members say their logs own. Whoever is out of reach says nothing. */
async function ownedByOthers({ own, memberAt }: CopiesParts): Promise<SlotRanges> {
  const { bound, self } = own
  if (bound === undefined) return []
  const unowned = slotsWithout(allSlots, bound.owns)
  const others = membersOf(bound.ring.positions).filter((address) => address !== self)
  const states = await Promise.all(
    others.map((address) =>
      memberAt(address)
        .state()
        .catch(() => undefined),
    ),
  )
  let left = unowned
  for (const state of states) {
    if (state?.ring?.id !== bound.ring.id || state.ring.version < bound.ring.version) continue
    // What is to be kept is known once this log has that version, too.
    const isLostSince = (state.ring.lost ?? []).some(({ version }) => version > bound.ring.version)
    if (!isLostSince) left = slotsWithout(left, state.owns)
  }
  return slotsWithout(unowned, left)
}
