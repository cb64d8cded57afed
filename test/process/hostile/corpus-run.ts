import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import type { Case } from './cases.ts'
import { boundedHeap } from './health.ts'

export const portOf = ({ url }: Node) => Number(new URL(url).port)

export async function startPair() {
  const { target } = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(target), ...boundedHeap })
  const forwarder = await startNode(makeDirectory(), { ...boundedHeap, FORWARDING_ADDRESS: new URL(node.url).host })
  return { node, forwarder }
}

/** Eight at a time. */
export async function forEach(items: readonly Case[], visit: (item: Case) => Promise<void>): Promise<void> {
  const left = items.values()
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const item of left) await visit(item)
    }),
  )
}
