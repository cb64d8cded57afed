import type { LogCopy } from '../../kvs/log/memory/index.ts'
import { wait } from './disk.ts'
import { remaining } from './faults.ts'
import type { Node } from './node.ts'
import { becomes, type Stage, serves } from './stage.ts'

const patienceMs = 30_000

/**
 * Where the schedule says so, the log goes back under nodes that have applied what it loses. Each must say so, go on
 * reading and write nothing. Then the newer log is brought back, and the nodes are started again on it.
 */
export async function restoreOlder(stage: Stage): Promise<void> {
  const { schedule, cluster, world, violation } = stage
  const { logServer } = cluster
  const fault = schedule.faults.find(({ kind }) => kind === 'log goes back')
  if (fault?.kind !== 'log goes back') return
  const newer = logServer.copy()
  const older = copyWithout(newer, fault.entries)
  if (older === undefined) return
  const nodes = remaining(cluster)
  const ahead = nodes.filter((node) => sequenceOf(node) > older.tables.entries.length)
  logServer.restore(older)
  const isTold = (node: Node) => node.status()?.state === 'log diverged'
  await becomes(world, () => ahead.every(isTold), patienceMs)
  for (const node of ahead) {
    if (isTold(node)) await expectRefusal(stage, node)
    else violation(`${node.name} has not noticed that the log went back by ${fault.entries} entries`)
  }
  await wait(world, 1_000)
  logServer.restore(newer)
  for (const node of nodes) node.kill()
  for (const node of nodes) node.start()
  await serves(stage)
}

/** How far the node has applied the log. */
function sequenceOf(node: Node): number {
  return Number(node.status()?.position?.split('=')[1] ?? 0)
}

/** The log before its last entries, up to the end of a batch; undefined where it has no more than these. */
export function copyWithout({ tables }: LogCopy, entries: number): LogCopy | undefined {
  let end = tables.entries.length - entries
  while (end > 0 && tables.entries[end - 1]?.writeNumber === undefined) end--
  if (end <= 0) return undefined
  return { tables: { ...tables, entries: tables.entries.slice(0, end), checkpoint: undefined } }
}

async function expectRefusal({ violation }: Stage, node: Node): Promise<void> {
  const kv = node.server()?.kv
  const write = { kind: 'put', key: 'refused', value: Buffer.from('refused'), contentType: undefined } as const
  const stored = await kv?.write(write).catch(() => undefined)
  if (stored !== undefined) violation(`${node.name} took a write after the log went back`)
}
