import type { Clock } from '../lib/clock.ts'
import type { Intake } from './intake.ts'
import type { MemberSet } from './member-set.ts'
import type { OwnSite } from './own-site.ts'
import type { Lead, Peer, Promised } from './peer.ts'

/**
 * The floor: the stamp through which a site may forget its deletes. Undefined as long as there is none.
 *
 * A delete is remembered for the sake of an older put that comes in after it. Such a put was first written in the log
 * of some member. Of each of these logs this site has all through a place from which on whatever is first written there
 * has a stamp above the floor, so no such put can be at or below it, whoever brings it. Hence every member counts, also
 * one that can't be reached, and the floor stands still until it is, or is taken out; one that was never reached, whose
 * log nobody knows, allows none at all. Several addresses of one log are one member, and those of this very site's log
 * are none: a log gives its own entries stamps above all that it has.
 *
 * What is left are puts from logs of no member: of a site that joins with a past, or that was taken out and comes back,
 * or a set of members that was wrong. They are recognized, and recall.ts has what is done then. So the floor decides
 * how much is remembered, and whether the log has to be read again, but not which value a key has.
 * @param promised what is known of each member but this address; undefined of one that was never reached
 */
export function floorOf(promised: readonly (Promised | undefined)[], ownLog: string): number | undefined {
  const byLog = new Map<string, number>()
  for (const member of promised) {
    if (member === undefined) return undefined
    if (member.log !== ownLog) byLog.set(member.log, Math.max(member.stamp, byLog.get(member.log) ?? 0))
  }
  const floor = Math.min(...byLog.values())
  return floor > 0 && Number.isFinite(floor) ? floor : undefined
}

export interface FloorOptions {
  readonly set: MemberSet
  readonly peerAt: (address: string) => Peer
  readonly site: OwnSite
  readonly clock: Clock
  /** How often the floor is looked at, in milliseconds. */
  readonly everyMs: number
}

/**
 * For so many looks deletes stay as they are after an old entry has come in: more of them may be on their way. Where
 * one comes soon after that, too, it is twice as many the next time, up to `most`.
 */
const restingLooks = { least: 10, most: 1_440 }

/** Has the site's deletes be forgotten up to the floor, from time to time, until the returned function is called. */
export function raiseFloor(options: FloorOptions, { target, intake }: Lead): () => void {
  const { site, clock, everyMs } = options
  const resting = makeResting(intake)
  let isRaising = false

  /** Not less than the view has forgotten already, whatever the log says: it may have lost what it had noted last. */
  function forgetThrough(stamp: number): void {
    const deletes = site.deletes()
    deletes.forget(Math.max(stamp, deletes.forgotten))
  }

  async function look(): Promise<void> {
    const floor = floorNow(options, target.logId)
    if (resting() || floor === undefined || floor <= target.forgotten || site.deletes().count === 0) return
    isRaising = true
    try {
      await target.forget(floor)
      forgetThrough(target.forgotten)
    } catch {
      // The connection is lost, and with it the lead.
    }
    isRaising = false
  }

  forgetThrough(target.forgotten)
  const looks = clock.every(everyMs, () => {
    if (!isRaising) void look()
  })
  return looks.cancel
}

/** A log that says more than there is can't have this site forget what comes later: its own log bounds the floor. */
function floorNow({ set, peerAt, site }: FloorOptions, ownLog: string): number | undefined {
  if (set.isRemoved) return undefined
  const floor = floorOf(
    set.others().map((address) => peerAt(address).promised),
    ownLog,
  )
  return floor && Math.min(floor, site.deletes().highestStamp)
}

function makeResting(intake: Intake): () => boolean {
  let [seen, left, rest, calm] = [0, 0, 0, Number.POSITIVE_INFINITY]
  return () => {
    const isDisturbed = intake.isRecalling || intake.oldOnes > seen
    seen = intake.oldOnes
    if (isDisturbed) {
      if (left === 0) rest = calm > rest ? restingLooks.least : Math.min(2 * rest, restingLooks.most)
      ;[left, calm] = [rest, 0]
    } else if (left > 0) left--
    else calm++
    return left > 0
  }
}
