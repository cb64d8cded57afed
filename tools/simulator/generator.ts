import { makeSeededRandom, type SeededRandom } from '../lab/seeded-random.ts'
import type { Ask, Fault, Latency, ListAsk, Schedule, TransferAsk } from './schedule.ts'

/** Draws a schedule. The same seed gives the same one. */
export function generateSchedule(seed: number): Schedule {
  const random = makeSeededRandom(seed, 'schedule')
  const nodes = random.pick([1, 2, 2, 3])
  const seconds = random.pick([3, 6, 10, 20])
  return {
    seed,
    nodes,
    spools: random.chance(0.85),
    ...(random.fork('lifetimes').chance(0.5) && { lifetimes: 0.4 }),
    latency: drawLatency(random.fork('latency')),
    operations: drawOperations(random.fork('operations'), seconds * 1000),
    lists: drawLists(random.fork('lists'), nodes, seconds * 1000),
    transfers: drawTransfers(random.fork('transfers'), seconds * 1000),
    faults: drawFaults(random.fork('faults'), nodes, seconds * 1000),
  }
}

export function drawLatency(random: SeededRandom): Latency {
  const network = random.pick([0.2, 1, 5, 20, 60])
  return { network, commit: random.pick([0.5, 2, 20, 60]), flush: random.pick([0.5, 5, 50]) }
}

/** Few keys, so that clients meet; bursts and rests, so that batches form and queues run dry. */
function drawOperations(random: SeededRandom, span: number): Ask[] {
  const clients = random.integer(2, 8)
  const keys = random.pick([1, 1, 2, 4, 8])
  const count = random.integer(40, 260)
  const bursts = Array.from({ length: random.integer(1, 6) }, () => random.between(0, span))
  const operations = Array.from({ length: count }, () => {
    const burst = random.pick(bursts)
    const at = random.chance(0.5) ? random.between(0, span) : Math.min(span, burst + random.between(0, 500))
    return {
      at: round(at),
      client: random.integer(0, clients - 1),
      key: random.integer(0, keys - 1),
      draw: random.integer(0, 999_999),
    }
  })
  return byTime(operations)
}

/** Some at once, so that several wait for the same build. */
function drawLists(random: SeededRandom, nodes: number, span: number): ListAsk[] {
  const times = Array.from({ length: random.integer(0, 40) }, () => random.between(0, span))
  const lists = times.flatMap((at) => {
    const together = random.chance(0.8) ? 1 : random.integer(2, 5)
    return Array.from({ length: together }, () => {
      return { at: round(at), node: random.integer(0, nodes - 1), draw: random.integer(0, 999_999) }
    })
  })
  return byTime(lists)
}

/** In bursts, so that many are in one batch, and that goes on over pages. */
function drawTransfers(random: SeededRandom, span: number): TransferAsk[] {
  if (random.chance(0.4)) return []
  const clients = random.integer(2, 10)
  const bursts = Array.from({ length: random.integer(1, 4) }, () => random.between(0, span))
  const asks = Array.from({ length: random.integer(10, 150) }, () => {
    const at = Math.min(span, random.pick(bursts) + random.between(0, random.pick([20, 2_000])))
    return { at: round(at), client: firstTeller + random.integer(0, clients - 1), draw: random.integer(0, 999_999) }
  })
  return byTime(asks)
}

/** Numbers of tellers are those of no other clients. */
const firstTeller = 50

const nodeFaults = [
  ...(['kill', 'stop', 'pause', 'cut', 'late requests', 'lost answers', 'slow network'] as const),
  ...(['disk full', 'disk fails', 'slow disk', 'clock'] as const),
]
const logFaults = ['log killed', 'log full', 'slow log', 'log clock'] as const
type DrawnKind = (typeof nodeFaults)[number] | (typeof logFaults)[number]

/**
 * A schedule has a few kinds of faults, each several times, and not a little of everything, which would mostly hide one
 * fault behind another (Groce et al., "Swarm testing", 2012).
 */
function drawFaults(random: SeededRandom, nodes: number, span: number): Fault[] {
  const all: readonly DrawnKind[] = [...nodeFaults, ...logFaults]
  const kinds = Array.from({ length: random.integer(1, 5) }, () => random.pick(all))
  const count = random.integer(0, 12)
  const faults = Array.from({ length: count }, () => drawFault(random, random.pick(kinds), nodes, span))
  if (nodes > 1 && random.chance(0.1)) faults.push(...drawLeave(random, nodes - 1, span))
  if (random.chance(0.05)) faults.push({ kind: 'log goes back', at: span, entries: random.integer(1, 20) })
  return byTime(faults)
}

function drawFault(random: SeededRandom, kind: DrawnKind, nodes: number, span: number): Fault {
  const at = round(random.between(0, span))
  const node = random.integer(0, nodes - 1)
  if (kind === 'clock') return { kind, node, at, byMs: drawJump(random) }
  // docs/operations.md forbids to set that clock back: the deadline of an append rests on it.
  if (kind === 'log clock') return { kind, at, byMs: Math.abs(drawJump(random)) }
  const forMs = drawDuration(random)
  return isLogFault(kind) ? { kind, at, forMs } : { kind, node, at, forMs }
}

/** A node goes for ever, mostly while it cannot reach the log, so that its spool has something for the others. */
function drawLeave(random: SeededRandom, node: number, span: number): Fault[] {
  const cut = round(random.between(0, span / 2))
  const at = round(cut + random.between(100, 4_000))
  const leave: Fault = { kind: 'leave', node, at }
  return random.chance(0.2) ? [leave] : [{ kind: 'cut', node, at: cut, forMs: at - cut }, leave]
}

function isLogFault(kind: DrawnKind): kind is (typeof logFaults)[number] {
  return logFaults.some((one) => one === kind)
}

/** Mostly short, some longer than every timeout. */
export function drawDuration(random: SeededRandom): number {
  return round(random.chance(0.6) ? random.between(10, 1_500) : random.between(1_500, 9_000))
}

export function drawJump(random: SeededRandom): number {
  return random.pick([-3_600_000, -5_000, -500, 500, 5_000, 3_600_000])
}

/** To a microsecond, so that a schedule reads well. */
export function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

export function byTime<T extends { readonly at: number }>(items: readonly T[]): T[] {
  return items.toSorted((one, other) => one.at - other.at)
}
