import { makeSeededRandom, type SeededRandom } from '../../lab/seeded-random.ts'
import { byTime, drawDuration, drawJump, drawLatency, round } from '../generator.ts'
import type { Ask, Fault, Schedule, SitePlan } from '../schedule.ts'
import { drawGroup, drawSite } from './generate-group.ts'

/** Draws a schedule of several sites. The same seed gives the same one. */
export function generateSitesSchedule(seed: number): Schedule {
  const random = makeSeededRandom(seed, 'schedule of sites')
  const sites = drawSites(random.fork('sites'))
  const nodes = sites.reduce((sum, site) => sum + site.nodes, 0)
  const span = random.pick([3_000, 6_000, 12_000])
  const group = drawGroup(random.fork('group'), sites.length, span)
  const added = group.newcomers.reduce((sum, site) => sum + site.nodes, 0)
  return {
    ...{ seed, nodes: nodes + added, sites: [...sites, ...group.newcomers] },
    spools: random.chance(0.7),
    ...(random.fork('lifetimes').chance(0.3) && { lifetimes: 0.4 }),
    ...(random.fork('copies').chance(0.25) && { copies: 2 }),
    latency: { ...drawLatency(random.fork('latency')), between: random.pick([1, 10, 40, 150]) },
    operations: drawOperations(random.fork('operations'), span),
    faults: byTime([...drawFaults(random.fork('faults'), { sites: sites.length, nodes, span }), ...group.faults]),
  }
}

function drawSites(random: SeededRandom): SitePlan[] {
  return Array.from({ length: random.pick([2, 3, 3, 4]) }, () => drawSite(random))
}

/** Few keys, so that sites meet; a client asks again and again, so that its token grows. */
function drawOperations(random: SeededRandom, span: number): Ask[] {
  const clients = random.integer(2, 8)
  const keys = random.pick([1, 2, 3, 5])
  const bursts = Array.from({ length: random.integer(1, 6) }, () => random.between(0, span))
  const operations = Array.from({ length: random.integer(40, 220) }, () => ({
    at: round(
      random.chance(0.5) ? random.between(0, span) : Math.min(span, random.pick(bursts) + random.between(0, 500)),
    ),
    client: random.integer(0, clients - 1),
    key: random.integer(0, keys - 1),
    draw: random.integer(0, 999_999),
  }))
  return byTime(operations)
}

const pathKinds = ['partition', 'one way', 'stalled streams', 'slow path', 'broken streams'] as const
const nodeKinds = [
  ...(['kill', 'stop', 'pause', 'cut', 'late requests', 'lost answers', 'slow network', 'clock'] as const),
  ...(['disk full', 'slow disk'] as const),
]
const logKinds = ['log killed', 'log full', 'slow log', 'lead killed', 'log clock'] as const
type Kind = (typeof pathKinds)[number] | (typeof nodeKinds)[number] | (typeof logKinds)[number]

interface Extent {
  readonly sites: number
  readonly nodes: number
  readonly span: number
}

/**
 * A few kinds, each several times, as in every schedule. Where only the ways between sites fail, every site has to go
 * on as if nothing was.
 */
function drawFaults(random: SeededRandom, extent: Extent): Fault[] {
  const isOfPathsAlone = random.chance(0.3)
  const all: readonly Kind[] = isOfPathsAlone ? pathKinds : [...pathKinds, ...pathKinds, ...nodeKinds, ...logKinds]
  const kinds = Array.from({ length: random.integer(1, 6) }, () => random.pick(all))
  const faults = Array.from({ length: random.integer(0, 16) }, () => drawFault(random, random.pick(kinds), extent))
  if (random.chance(0.4)) faults.push(...drawReturn(random, extent, isOfPathsAlone))
  return byTime(faults)
}

/**
 * A site is alone for long. Meanwhile the leads of others are started again, on checkpoints, and meet its older entries
 * afterwards.
 */
function drawReturn(random: SeededRandom, { sites, span }: Extent, isOfPathsAlone: boolean): Fault[] {
  const alone = random.integer(0, sites - 1)
  const at = round(random.between(0, span / 4))
  const forMs = round(span * random.between(0.5, 0.9))
  const others = Array.from({ length: sites }, (_, site) => site).filter((site) => site !== alone)
  return others.flatMap((site): Fault[] => {
    const partition: Fault = { kind: 'partition', at, from: alone, to: site, forMs }
    if (isOfPathsAlone || random.chance(0.3)) return [partition]
    const kill: Fault = { kind: 'lead killed', at: round(at + forMs * random.between(0.6, 0.95)), site, forMs: 100 }
    return [partition, kill]
  })
}

function drawFault(random: SeededRandom, kind: Kind, { sites, nodes, span }: Extent): Fault {
  const at = round(random.between(0, span))
  const site = random.integer(0, sites - 1)
  const forMs = drawDuration(random)
  if (isOf(pathKinds, kind)) {
    const to = (site + random.integer(1, sites - 1)) % sites
    if (kind === 'broken streams') return { kind, at, from: site, to }
    // Mostly longer than a node waits for what a token names.
    return { kind, at, from: site, to, forMs: random.chance(0.3) ? forMs : round(random.between(2_000, 9_000)) }
  }
  if (isOf(logKinds, kind)) {
    if (kind !== 'log clock') return { kind, at, site, forMs }
    return { kind, at, site, byMs: Math.abs(drawJump(random)) }
  }
  const node = random.integer(0, nodes - 1)
  return kind === 'clock' ? { kind, node, at, byMs: drawJump(random) } : { kind, node, at, forMs }
}

function isOf<T extends Kind>(kinds: readonly T[], kind: Kind): kind is T {
  return kinds.some((one) => one === kind)
}
