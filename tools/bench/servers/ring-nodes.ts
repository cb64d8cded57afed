import { waitUntil } from '../../lab/polling.ts'
import { freePort } from '../../lab/ports.ts'
import { type Kvs, startKvs } from './embedded-node.ts'

/** A member of a ring: a node with a Postgres of its own. It may be stopped and started again. */
export interface RingNode {
  /** Address in the ring. */
  readonly address: string
  readonly port: number
  readonly directory: string
  /** Starts it. Resolves when it is ready, whether or not it is in a ring. */
  start(env?: Readonly<Record<string, string>>): Promise<Kvs>
}

/** Addresses by positions. */
export type RingPositions = Readonly<Record<number, string>>

/** Makes a node that may be a member in each directory, none of which is started. */
export async function makeRingNodes(directories: readonly string[]): Promise<RingNode[]> {
  const first = await freePort(directories.length)
  return directories.map((directory, index) => {
    const port = first + index
    const address = `127.0.0.1:${port}`
    const start = (env = {}) => startKvs({ directory, port, env: { KVS_ADDRESS: address, ...env } })
    return { address, port, directory, start }
  })
}

/** Has a node form or change the ring. Resolves once all keys are where they belong. */
export async function setRing({ port }: Pick<RingNode, 'port'>, positions: RingPositions): Promise<void> {
  const nodes = Object.entries(positions).map(([key, ip]) => ({ ip, key }))
  await change(port, '/hash_ring', { method: 'POST', body: new URLSearchParams({ data: JSON.stringify({ nodes }) }) })
}

async function change(port: number, path: string, init?: RequestInit): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, init)
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}: ${text}`)
}

/** How many writes of keys from other members a node has stored since its start. */
export async function movedTo({ port }: Pick<RingNode, 'port'>): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const [, count] = /^kvs_ring_moved_keys_total (\d+)$/m.exec(text) ?? []
  if (count === undefined) throw new Error('the node tells of no moved keys')
  return Number(count)
}

/** Resolves once no node has copies of others' keys any more. */
export async function untilNoCopies(nodes: readonly Pick<RingNode, 'port'>[]): Promise<void> {
  const hasNone = async ({ port }: Pick<RingNode, 'port'>) => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    return /^kvs_ring_copies 0$/m.test(text)
  }
  const haveNone = async () => (await Promise.all(nodes.map(hasNone))).every(Boolean)
  await waitUntil('copies of others’ keys are deleted', haveNone, { boundMs: 600_000 })
}
