import { until } from './until.ts'

/** Whom a test asks: a node, or what listens at its address. */
type Asked = { readonly url: string } | string

const urlOf = (asked: Asked) => (typeof asked === 'string' ? asked : asked.url)

export interface Ready {
  readonly state: string
  readonly reason: string | null
  readonly since: string
  readonly spool: {
    readonly on: boolean
    readonly reason: string | null
    readonly writes: number
    readonly bytes: number
  }
}

export const put = (node: Asked, key: string, body: string) =>
  fetch(`${urlOf(node)}/v1/${key}`, { method: 'PUT', body })
export const get = (node: Asked, key: string) => fetch(`${urlOf(node)}/v1/${key}`)
export const text = async (node: Asked, key: string) => (await get(node, key)).text()
export const status = async (node: Asked) => (await (await fetch(`${urlOf(node)}/readyz`)).json()) as Ready

export function reaches(node: Asked, state: string): Promise<unknown> {
  return until(`the node is ${state}`, async () => (await status(node)).state === state, 60_000)
}
