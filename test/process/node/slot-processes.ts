import type { Node } from '../../support/node.ts'

export const slotOf = (node: Pick<Node, 'output'>) => Number(/slot (\d+): \//.exec(node.output())?.[1] ?? 1)

export async function killAll(...nodes: Node[]): Promise<void> {
  for (const node of nodes) node.kill('SIGKILL')
  await Promise.all(nodes.map((node) => node.ended))
}
