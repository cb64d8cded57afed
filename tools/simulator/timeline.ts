import { describeFault } from './fault-words.ts'
import type { RingPlan } from './ring/ring-schedule.ts'
import { memberName, placeNameOf, type Schedule, seconds } from './schedule.ts'
import type { Trace } from './trace.ts'

/** What happened, a line each: when, who, what. Times are those of the clients, and negative before these began. */
export function renderTimeline({ lines }: Pick<Trace, 'lines'>, began = 0): string {
  const width = Math.max(0, ...lines.map(({ who }) => who.length))
  return lines
    .map(({ at, who, what }) => `${seconds(at - began).padStart(10)}  ${who.padEnd(width)}  ${what}`)
    .join('\n')
}

/** A schedule in a few lines: what the cluster is like, and what is done to it when. */
export function renderSchedule(schedule: Schedule): string {
  const { nodes, sites, ring, spools, latency, operations, lists = [], transfers = [], faults } = schedule
  const clients = new Set(operations.map(({ client }) => client)).size
  const latencies = Object.entries(latency).map(([name, ms]) => `${name} ${ms} ms`)
  return [
    ...(sites
      ? [`${count(sites.length, 'site')}, of ${sites.map((site) => count(site.nodes, 'node')).join(', ')}; `]
      : []),
    ...(ring ? [renderRing(ring)] : []),
    `${count(nodes, 'node')}, ${spools ? 'spooling' : 'refusing'} while the log is down; ${latencies.join(', ')}`,
    `${count(operations.length, 'operation')} of ${count(clients, 'client')}, ${count(lists.length, 'list')}, ` +
      `${count(transfers.length, 'transfer')}, ${count(faults.length, 'fault')}:`,
    ...faults.map((fault) => `${seconds(fault.at).padStart(10)}  ${describeFault(fault, placeNameOf(schedule))}`),
  ].join('\n')
}

function renderRing({ members, positions }: RingPlan): string {
  const formed = positions.map(([position, member]) => `${position} for ${memberName(member)}`).join(', ')
  return `${count(members.length, 'member')}, of ${members.map(({ nodes }) => count(nodes, 'node')).join(', ')}; positions ${formed}; `
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
