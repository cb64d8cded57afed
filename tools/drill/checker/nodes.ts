import type { History, Operation } from '../history.ts'
import { checkConditions } from './conditions.ts'
import { makeLifetimes } from './lifetimes.ts'
import { indexLog, type LogIndex, makeFloor } from './log-index.ts'
import { isAnswered, type NodesHistory } from './nodes-history.ts'
import { checkPositions } from './positions.ts'
import { checkSpooled } from './spooled.ts'
import { describe, quoted } from './words.ts'

/**
 * Holds what clients of several nodes saw against the log, of which each position is a state: that each node goes
 * through these states in their order, what an answer shows is what its position says, no client that passes positions
 * goes back in time, `?consistent` and conditional writes are linearizable over all nodes, and what was spooled behind
 * a partition loses to what others have committed meanwhile.
 *
 * @returns a sentence for each contradiction
 */
export function checkNodes({ operations, log, serverClock }: Omit<History, 'views' | 'faults'>): string[] {
  const violations: string[] = []
  const index = indexLog(log)
  const answered = operations.filter(isAnswered)
  const known = ({ kind, outcome, sequence = 0, position = 0 }: Operation) =>
    Math.max(position, kind !== 'get' && outcome === 'ok' ? sequence : 0)
  const byNode = Map.groupBy(answered, ({ node }) => node)
  const floors = new Map([...byNode].map(([node, of]) => [node, makeFloor(of, ({ position = 0 }) => position)]))
  const writers = findWriters(byNode, index, violations)
  const nodes: NodesHistory = {
    ...{ operations, log, index, lifetimes: makeLifetimes(serverClock) },
    puts: new Map(operations.flatMap((put) => (put.kind === 'put' && put.value ? [[put.value, put]] : []))),
    floor: makeFloor(answered, known),
    floorOf: (node, time) => floors.get(node)?.(time) ?? 0,
    writerOf: (node) => writers.get(node),
    report: (operation, sentence) =>
      violations.push(`key ${quoted(operation.key)}: ${describe(operation)} ${sentence}`),
  }
  checkPositions(nodes)
  checkConditions(nodes)
  checkSpooled(nodes)
  return violations
}

/** Learns each node's writer number from the entries that its answers named. */
function findWriters(
  byNode: ReadonlyMap<string | undefined, readonly Operation[]>,
  index: LogIndex,
  violations: string[],
): Map<string | undefined, number> {
  const writers = new Map<string | undefined, number>()
  const nodes = new Map<number, string | undefined>()
  for (const [node, operations] of byNode) {
    for (const { kind, outcome, sequence = 0 } of operations) {
      const writer = kind === 'put' && outcome === 'ok' ? index.at(sequence)?.writer : undefined
      if (writer === undefined) continue
      const other = writers.get(node) !== undefined && writers.get(node) !== writer
      if (other) violations.push(`entry ${sequence} of ${node} has the writer ${writer}; it was ${writers.get(node)}`)
      else if (nodes.has(writer) && nodes.get(writer) !== node) {
        violations.push(`entry ${sequence} of ${node} has the writer ${writer}, as entries of ${nodes.get(writer)}`)
      }
      writers.set(node, writer)
      nodes.set(writer, node)
    }
  }
  return writers
}
