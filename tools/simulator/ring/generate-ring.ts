import { slotCount, slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { makeSeededRandom, type SeededRandom } from '../../lab/seeded-random.ts'
import { byTime, drawDuration, drawJump, drawLatency, round } from '../generator.ts'
import type { Ask, Fault, Schedule } from '../schedule.ts'
import type { MemberPlan, RingFault, RingPosition } from './ring-schedule.ts'

/** Draws a schedule of a ring. The same seed gives the same one. */
export function generateRingSchedule(seed: number): Schedule {
  const random = makeSeededRandom(seed, 'schedule of a ring')
  const spools = random.chance(0.85)
  const isAboutSpools = spools && random.chance(0.35)
  const members = drawMembers(random.fork('members'), isAboutSpools)
  const nodes = members.reduce((sum, member) => sum + member.nodes, 0)
  const keys = random.pick([3, 6, 10, 20])
  const extent = { members: members.length, nodes, keys, span: random.pick([4_000, 8_000, 15_000]) }
  const positions = drawPositions(random.fork('positions'), extent, 3)
  const spooling = isAboutSpools ? drawSpooling(random.fork('spooling'), extent) : []
  return {
    ...{ seed, nodes, ring: { members, positions: isAboutSpools ? withFirst(positions) : positions }, spools },
    ...(random.fork('lifetimes').chance(0.4) && { lifetimes: 0.3 }),
    latency: { ...drawLatency(random.fork('latency')), between: random.pick([0.5, 2, 10, 40]) },
    operations: drawOperations(random.fork('operations'), extent, spooling),
    faults: byTime([
      ...drawChanges(random.fork('changes'), extent),
      ...drawFaults(random.fork('faults'), extent),
      ...drawLoss(random.fork('loss'), extent),
      ...spooling,
    ]),
  }
}

interface Extent {
  readonly members: number
  readonly nodes: number
  readonly keys: number
  readonly span: number
}

function drawMembers(random: SeededRandom, isAboutSpools: boolean): MemberPlan[] {
  return Array.from({ length: random.pick([2, 3, 3, 4]) }, (_, member) => ({
    nodes: random.chance(0.75) && !(isAboutSpools && member === 0) ? 1 : 2,
    clock: random.chance(0.5) ? 0 : drawJump(random),
  }))
}

/** The slot of a key often, so that keys are at the very end of what moves. */
function drawPosition(random: SeededRandom, { keys }: Extent): number {
  return random.chance(0.6) ? slotOf(`key-${random.integer(0, keys - 1)}`) : random.integer(0, slotCount - 1)
}

function drawPositions(random: SeededRandom, extent: Extent, most: number): RingPosition[] {
  const drawn = Array.from(
    { length: random.integer(1, most) },
    (): RingPosition => [drawPosition(random, extent), random.integer(0, extent.members - 1)],
  )
  return [...new Map(drawn)]
}

/** @param spooling some come while a node spools */
function drawOperations(random: SeededRandom, { keys, span }: Extent, spooling: readonly Fault[]): Ask[] {
  const clients = random.integer(2, 8)
  const cuts = spooling.filter(({ kind }) => kind === 'cut')
  const bursts = [
    ...Array.from({ length: random.integer(1, 6) }, () => random.between(0, span)),
    ...cuts.flatMap(({ at }) => [at + 100, at + 500, at + 1_000]),
  ]
  const operations = Array.from({ length: random.integer(40, 240) }, () => ({
    at: round(
      random.chance(0.5) ? random.between(0, span) : Math.min(span, random.pick(bursts) + random.between(0, 500)),
    ),
    client: random.integer(0, clients - 1),
    key: random.integer(0, keys - 1),
    draw: random.integer(0, 999_999),
  }))
  return byTime(operations)
}

function drawChanges(random: SeededRandom, extent: Extent): RingFault[] {
  return Array.from({ length: random.integer(1, 9) }, () => drawChange(random, extent)).flat()
}

/** Some are called off while they are made. */
function drawChange(random: SeededRandom, extent: Extent): RingFault[] {
  const at = round(random.between(0, extent.span))
  const asked = random.integer(0, extent.nodes - 1)
  const member = random.integer(0, extent.members - 1)
  const change = random.pick<RingFault>([
    { kind: 'position added', at, asked, member, position: drawPosition(random, extent) },
    { kind: 'position added', at, asked, member, position: drawPosition(random, extent) },
    { kind: 'member removed', at, asked, member },
    { kind: 'ring replaced', at, asked, positions: drawPositions(random, extent, 4) },
  ])
  if (!random.chance(0.2)) return [change]
  const later = round(at + random.between(20, 1_500))
  return [change, { kind: 'change called off', at: later, asked: random.integer(0, extent.nodes - 1) }]
}

/** In some schedules a member is lost for good, the home as well as another one. */
function drawLoss(random: SeededRandom, { members, nodes, span }: Extent): RingFault[] {
  if (!random.chance(members > 2 ? 0.25 : 0.1)) return []
  const at = round(random.between(0.2 * span, 0.9 * span))
  return [{ kind: 'member lost', at, asked: random.integer(0, nodes - 1), member: random.integer(0, members - 1) }]
}

const pathKinds = ['partition', 'one way', 'slow path', 'repeated requests'] as const
const nodeKinds = [
  ...(['kill', 'kill', 'stop', 'pause', 'cut', 'late requests', 'lost answers', 'slow network', 'clock'] as const),
  ...(['disk full', 'slow disk', 'late appends'] as const),
]
const logKinds = ['log killed', 'log full', 'slow log', 'log clock'] as const
type Kind = (typeof pathKinds)[number] | (typeof nodeKinds)[number] | (typeof logKinds)[number]

/** A few kinds, each several times, as in every schedule. */
function drawFaults(random: SeededRandom, extent: Extent): Fault[] {
  const all: readonly Kind[] = [...pathKinds, ...nodeKinds, ...logKinds]
  const kinds = Array.from({ length: random.integer(1, 5) }, () => random.pick(all))
  return Array.from({ length: random.integer(0, 14) }, () => drawFault(random, random.pick(kinds), extent))
}

function drawFault(random: SeededRandom, kind: Kind, { members, nodes, span }: Extent): Fault {
  const at = round(random.between(0, span))
  const member = random.integer(0, members - 1)
  const forMs = drawDuration(random)
  if (isOf(pathKinds, kind)) {
    return { kind, at, from: member, to: (member + random.integer(1, members - 1)) % members, forMs }
  }
  if (isOf(logKinds, kind)) {
    if (kind !== 'log clock') return { kind, at, site: member, forMs }
    return { kind, at, site: member, byMs: Math.abs(drawJump(random)) }
  }
  const node = random.integer(0, nodes - 1)
  return kind === 'clock' ? { kind, node, at, byMs: drawJump(random) } : { kind, node, at, forMs }
}

/** The first member has a part in the ring. */
function withFirst(positions: readonly RingPosition[]): RingPosition[] {
  return positions.map(([position, member], index) => [position, index === 0 ? 0 : member])
}

/**
 * One of the first member's two nodes can't reach their log, and spools. The other one gives keys away meanwhile, so
 * that what is spooled is for another member by the time that it lands.
 */
function drawSpooling(random: SeededRandom, extent: Extent): Fault[] {
  const node = random.integer(0, 1)
  return Array.from({ length: random.integer(1, 3) }, (): Fault[] => {
    const at = round(random.between(0, 0.7 * extent.span))
    const forMs = round(random.between(3_000, 9_000))
    const change = {
      at: round(at + random.between(300, 2_000)),
      asked: random.pick([1 - node, random.integer(2, extent.nodes - 1)]),
    }
    const member = random.integer(1, extent.members - 1)
    const given: RingFault = random.chance(0.5)
      ? { ...change, kind: 'member removed', member: 0 }
      : { ...change, kind: 'ring replaced', positions: [[drawPosition(random, extent), member]] }
    const back: RingFault = {
      ...{ kind: 'position added', member: 0, position: drawPosition(random, extent) },
      ...{ at: round(change.at + random.between(1_000, 9_000)), asked: change.asked },
    }
    const landing = round(at + forMs)
    // What is passed on is done, and its answer comes too late; or the node dies before all has landed.
    const unanswered: Fault = { kind: 'one way', at: landing - 200, from: member, to: 0, forMs: 6_000 }
    const killed: Fault = { kind: 'kill', at: round(landing + random.between(5, 500)), node, forMs: 500 }
    const trouble = random.pick<Fault[]>([[], [unanswered], [killed], [unanswered, killed]])
    return [{ kind: 'cut', node, at, forMs }, given, ...(random.chance(0.7) ? [back] : []), ...trouble]
  }).flat()
}

function isOf<const K extends Kind>(kinds: readonly K[], kind: Kind): kind is K {
  return kinds.some((one) => one === kind)
}
