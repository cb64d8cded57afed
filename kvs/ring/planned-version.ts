import { addressesIn, isSamePositions, membersOf, type Positions, type Ring } from '../core/ring/description.ts'
import type { AskedRingChange, RingPlan } from '../kv/index.ts'
import type { Random } from '../lib/random.ts'
import { conflict } from './own-ring.ts'

/** Most positions of a ring. Each version of it is an entry of every member's log, and has them all. */
export const mostPositions = 1_000

/**
 * The version that begins a change; undefined where all is as asked.
 * @param before the newest version; undefined where there is no ring
 * @param self address of the home
 * @throws KvsError ring_conflict
 */
export function nextVersion(
  before: Ring | undefined,
  { asker, change }: AskedRingChange,
  self: string,
  random: Random,
): Ring | undefined {
  const positions = before?.positions ?? new Map<number, string>()
  const next = planned(positions, change)
  if (next.size === 0) conflict('a ring has one member at least')
  if (next.size > mostPositions)
    conflict(`the ring would have ${next.size} positions, and has ${mostPositions} at most`)
  const inRing = before === undefined ? [] : addressesIn(before)
  const members = membersOf(next)
  const knowing = [...new Set([...inRing, asker, self])]
  const standbys = knowing.filter((address) => !members.includes(address)).toSorted()
  if (before !== undefined && isSamePositions(next, positions) && `${standbys}` === `${before.standbys}`)
    return undefined
  const id = before?.id ?? random.uuid().replaceAll('-', '').slice(0, 16)
  const joining = [...members, ...standbys].filter((address) => !inRing.includes(address))
  const version = (before?.version ?? 0) + 1
  return { id, version, home: self, positions, next, standbys, joining, ...lostBefore(before) }
}

/** What a version says of members whose logs were lost is said by all that follow. */
export const lostBefore = (before: Ring | undefined): Pick<Ring, 'lost'> =>
  before?.lost === undefined ? {} : { lost: before.lost }

/** @throws KvsError ring_conflict */
function planned(positions: Positions, plan: RingPlan): Positions {
  if (plan.kind === 'replace') return plan.positions
  if (positions.size === 0) conflict('there is no ring yet: POST /hash_ring forms one')
  if (plan.kind === 'call off' || plan.kind === 'remove lost') conflict('no change of the ring is under way')
  if (plan.kind === 'add') {
    const taken = positions.get(plan.position)
    if (taken !== undefined && taken !== plan.address) conflict(`the position ${plan.position} is ${taken}’s`)
    return new Map([...positions, [plan.position, plan.address]])
  }
  const left = [...positions].filter(([, address]) => address !== plan.address)
  if (left.length === positions.size) {
    conflict(`${plan.address} is no member of the ring: ${membersOf(positions).join(', ')}`)
  }
  if (left.length === 0) conflict(`${plan.address} is the only member of the ring`)
  return new Map(left)
}
