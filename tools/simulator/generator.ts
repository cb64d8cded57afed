import { makeRandom, type Random } from '../drill/random.ts'
import type { Ask, Fault, Latency, LogFault, NodeFault, Schedule } from './schedule.ts'

/** Draws a schedule. The same seed gives the same one. */
export function generateSchedule(seed: number): Schedule {
  const random = makeRandom(seed, 'schedule')
  const nodes = random.pick([1, 2, 2, 3])
  const seconds = random.integer(5, 20)
  return {
    seed,
    nodes,
    spools: random.chance(0.85),
    latency: drawLatency(random.fork('latency')),
    operations: drawOperations(random.fork('operations'), seconds * 1000),
    faults: drawFaults(random.fork('faults'), nodes, seconds * 1000),
  }
}

function drawLatency(random: Random): Latency {
  const network = random.pick([0.2, 1, 5, 20])
  return { network, commit: random.pick([0.5, 2, 20]), flush: random.pick([0.5, 5, 50]) }
}

/** Few keys, so that clients meet; bursts and rests, so that batches form and queues run dry. */
function drawOperations(random: Random, span: number): Ask[] {
  const clients = random.integer(2, 8)
  const keys = random.integer(1, 6)
  const count = random.integer(40, 240)
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

function drawFaults(random: Random, nodes: number, span: number): Fault[] {
  const count = random.integer(0, 8)
  const faults = Array.from({ length: count }, () =>
    random.chance(0.7) ? drawNodeFault(random, nodes, span) : drawLogFault(random, span),
  )
  if (nodes > 1 && random.chance(0.1)) faults.push({ kind: 'leave', node: nodes - 1, at: round(span / 2) })
  if (random.chance(0.05)) faults.push({ kind: 'log goes back', at: span, entries: random.integer(1, 20) })
  return byTime(faults)
}

const nodeFaults = [
  ...(['kill', 'kill', 'kill', 'stop', 'pause', 'cut', 'cut', 'cut', 'late requests', 'lost answers'] as const),
  ...(['late requests', 'lost answers', 'slow network', 'disk full', 'disk fails', 'slow disk', 'clock'] as const),
]
const logFaults = ['log killed', 'log killed', 'log killed', 'log full', 'slow log', 'log clock'] as const

function drawNodeFault(random: Random, nodes: number, span: number): NodeFault {
  const kind = random.pick(nodeFaults)
  const fault = { node: random.integer(0, nodes - 1), at: round(random.between(0, span)) }
  if (kind === 'clock') return { ...fault, kind, byMs: drawJump(random) }
  return { ...fault, kind, forMs: drawDuration(random) }
}

function drawLogFault(random: Random, span: number): LogFault {
  const kind = random.pick(logFaults)
  const fault = { at: round(random.between(0, span)) }
  if (kind === 'log clock') return { ...fault, kind, byMs: drawJump(random) }
  return { ...fault, kind, forMs: drawDuration(random) }
}

/** Mostly short, some longer than every timeout. */
function drawDuration(random: Random): number {
  return round(random.chance(0.6) ? random.between(10, 1_500) : random.between(1_500, 9_000))
}

function drawJump(random: Random): number {
  return random.pick([-3_600_000, -5_000, -500, 500, 5_000, 3_600_000])
}

/** To a microsecond, so that a schedule reads well. */
function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function byTime<T extends { readonly at: number }>(items: readonly T[]): T[] {
  return items.toSorted((one, other) => one.at - other.at)
}
