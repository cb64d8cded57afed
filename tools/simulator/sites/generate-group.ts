import type { SeededRandom } from '../../lab/seeded-random.ts'
import { drawDuration, round } from '../generator.ts'
import type { Fault, SitePlan } from '../schedule.ts'

/** Clocks of servers are hours apart: stamps must not depend on them. */
export function drawSite(random: SeededRandom): SitePlan {
  return {
    nodes: random.pick([1, 1, 2]),
    clock: random.pick([0, 0, 40, -3_000, 7_200_000, -7_200_000]),
  }
}

/** What becomes of the group. */
export interface GroupPlan {
  /** Sites that come after the others. */
  readonly newcomers: readonly SitePlan[]
  readonly faults: readonly Fault[]
}

/**
 * In some schedules sites come and go, or logs are lost. The first site, or the first two, are stable: changes are
 * asked for there, or at the site that is taken out, and a group of which no site stays is none.
 */
export function drawGroup(random: SeededRandom, sites: number, span: number): GroupPlan {
  const stable = sites < 3 ? 1 : random.pick([1, 2])
  const newcomers = random.chance(0.15) ? [{ ...drawSite(random), isLate: true as const }] : []
  const others = Array.from({ length: sites - stable }, (_, index) => stable + index)
  const by = () => random.integer(0, stable - 1)
  const moment = (from: number, to: number) => round(span * random.between(from, to))
  const faults: Fault[] = newcomers.map(() => ({ kind: 'added', at: moment(0, 0.6), site: sites, by: by() }))
  if (random.chance(0.25)) faults.push(...drawRemoval(random, { site: random.pick(others), stable, span }))
  if (random.chance(0.15)) {
    const site = random.pick([...others, ...(newcomers.length > 0 ? [sites] : [])])
    const at = moment(0.1, 0.9)
    const forMs = drawDuration(random)
    faults.push(
      random.chance(0.6)
        ? { kind: 'log lost', at, site, forMs }
        : { kind: 'log restored', at, site, forMs: forMs + 1_000, entries: random.integer(1, 20) },
    )
  }
  if (random.chance(0.1)) {
    faults.push({ kind: 'log goes back', at: span, site: random.pick(others), entries: random.integer(1, 20) })
  }
  return { newcomers, faults }
}

interface RemovalPlan {
  readonly site: number
  /** How many of the first sites are stable. */
  readonly stable: number
  readonly span: number
}

/** Somebody takes a site out, at times there itself or while it is hard to reach, and mostly adds it again. */
function drawRemoval(random: SeededRandom, { site, stable, span }: RemovalPlan): Fault[] {
  const by = () => random.integer(0, stable - 1)
  const at = round(span * random.between(0.05, 0.8))
  const faults: Fault[] = [{ kind: 'taken out', at, site, by: random.chance(0.2) ? site : by() }]
  if (random.chance(0.5)) {
    const kind = random.pick(['slow path', 'partition', 'one way', 'stalled streams'] as const)
    const before = Math.max(0, round(at - random.between(0, 1_500)))
    faults.push({ kind, at: before, from: site, to: by(), forMs: drawDuration(random) })
  }
  if (random.chance(0.6)) {
    faults.push({ kind: 'added', at: round(at + random.between(100, span / 2)), site, by: by() })
  }
  if (random.chance(0.2)) {
    faults.push({ kind: 'taken out', at: round(at + random.between(100, span)), site, by: by() })
  }
  return faults
}
