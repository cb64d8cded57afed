import { canBeAsked, isOfRing, withoutLastOf } from './ring/ring-schedule.ts'
import { type Fault, isOfGroup, isOfNode, isOfPath, type Schedule } from './schedule.ts'

export interface Shrunk {
  readonly schedule: Schedule
  /** How many schedules were run for it. */
  readonly runs: number
}

export interface ShrinkOptions {
  /** Whether a schedule still fails. */
  readonly fails: (schedule: Schedule) => Promise<boolean>
  /** How many schedules may be run. */
  readonly maxRuns?: number
}

/**
 * Drops faults, operations, lists, transfers and nodes from a schedule that fails, for as long as the rest fails. What
 * is left fails, and mostly nothing of it can be dropped alone.
 */
export async function shrink(schedule: Schedule, { fails, maxRuns = 600 }: ShrinkOptions): Promise<Shrunk> {
  let least = schedule
  let runs = 0

  async function tryOut(candidate: Schedule): Promise<boolean> {
    if (runs >= maxRuns) return false
    runs++
    if (!(await fails(candidate))) return false
    least = candidate
    return true
  }

  async function drop(part: 'faults' | 'operations' | 'lists' | 'transfers'): Promise<void> {
    await dropItems<unknown>(least[part] ?? [], (items) => tryOut({ ...least, [part]: items } as Schedule))
  }

  for (let size = Number.POSITIVE_INFINITY; sizeOf(least) < size && runs < maxRuns; ) {
    size = sizeOf(least)
    await drop('faults')
    await drop('operations')
    await drop('lists')
    await drop('transfers')
    for (let fewer = withoutLastNode(least); fewer && (await tryOut(fewer)); fewer = withoutLastNode(fewer)) {}
  }
  return { schedule: least, runs }
}

function sizeOf({ nodes, operations, lists = [], transfers = [], faults }: Schedule): number {
  return nodes + operations.length + lists.length + transfers.length + faults.length
}

/** Without the last site or member, where that has but one node. Undefined where there must be no fewer. */
function withoutLastNode(schedule: Schedule): Schedule | undefined {
  const nodes = schedule.nodes - 1
  const ring = schedule.ring && withoutLastOf(schedule.ring)
  if (nodes === 0 || (schedule.ring && !ring)) return undefined
  const sites = schedule.sites?.map((site, index, all) =>
    index < all.length - 1 ? site : { ...site, nodes: site.nodes - 1 },
  )
  const left = sites?.filter((site) => site.nodes > 0)
  const isLeft = (fault: Fault) => {
    if (isOfRing(fault)) return ring !== undefined && canBeAsked(fault, ring)
    if (isOfNode(fault)) return fault.node < nodes
    const count = (left ?? ring?.members)?.length ?? 1
    if (isOfGroup(fault)) return Math.max(fault.site, fault.by) < count
    return isOfPath(fault) ? Math.max(fault.from, fault.to) < count : (fault.site ?? 0) < count
  }
  const faults = schedule.faults.filter(isLeft)
  const lists = (schedule.lists ?? []).filter(({ node }) => node < nodes)
  return { ...schedule, nodes, ...(left && { sites: left }), ...(ring && { ring }), faults, lists }
}

/**
 * Drops stretches of the list, the longest first and single items last (Zeller & Hildebrandt, "Simplifying and
 * isolating failure-inducing input", 2002).
 * @param keeps whether the list may be as short as this
 */
export async function dropItems<T>(
  items: readonly T[],
  keeps: (shorter: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let left = items
  for (let length = left.length; length >= 1; length = Math.floor(length / 2)) {
    for (let from = 0; from < left.length; ) {
      const shorter = left.toSpliced(from, length)
      if (await keeps(shorter)) left = shorter
      else from += length
    }
  }
  return left
}
