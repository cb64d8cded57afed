import { until } from './until.ts'

type Node = { readonly url: string }

export interface Ready {
  readonly state: string
  readonly reason: string | null
  readonly since: string
  readonly lag: number | null
  readonly spool: {
    readonly on: boolean
    readonly reason: string | null
    readonly writes: number
    readonly bytes: number
  }
}

export const put = (node: Node, key: string, body: string) => fetch(`${node.url}/v1/${key}`, { method: 'PUT', body })
export const get = (node: Node, key: string) => fetch(`${node.url}/v1/${key}`)
export const text = async (node: Node, key: string) => (await get(node, key)).text()
export const status = async (node: Node) => (await (await fetch(`${node.url}/readyz`)).json()) as Ready

export function reaches(node: Node, state: string): Promise<unknown> {
  return until(`the node is ${state}`, async () => (await status(node)).state === state, 60_000)
}
