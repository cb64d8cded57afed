import { type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startReadyNode, toEnvironment } from '../../support/node.ts'

/** Three nodes as processes of their own, on one log. */
export async function startThree(env: Record<string, string> = {}): Promise<{ nodes: Node[]; database: Database }> {
  const database = await makeDatabase()
  const nodes: Node[] = []
  for (let number = 0; number < 3; number++) nodes.push(await startNodeOn(database, env))
  return { nodes, database }
}

export function startNodeOn({ target }: Database, env: Record<string, string> = {}): Promise<Node> {
  return startReadyNode(makeDirectory(), { ...toEnvironment(target), ...env })
}
