import { hash, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { ownerByHand, type RingPositions } from '../../container/ring-client.ts'
import { until } from '../../support/until.ts'
import { keysInLog, type RingNode } from './nodes.ts'

/** What a client sees of a key; `headers` are those that have to stay as they are, wherever the key goes. */
export interface Seen {
  readonly status: number
  readonly headers: Readonly<Record<string, string | null>>
  /** SHA-256 of the value. */
  readonly digest: string
}

const kept = ['ETag', 'Last-Modified', 'Content-Type', 'KVS-Expires']

/** Reads any bytes, as `RingNode.get` does not. */
export async function see({ url }: RingNode, key: string): Promise<Seen> {
  const answer = await fetch(`${url}/v1/${encodeURIComponent(key)}`)
  const headers = Object.fromEntries(kept.map((name) => [name, answer.headers.get(name)]))
  return { status: answer.status, headers, digest: hash('sha256', new Uint8Array(await answer.arrayBuffer())) }
}

/** By key, for some at a time. */
export async function seeAll(node: RingNode, keys: readonly string[]): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>()
  for (let at = 0; at < keys.length; at += 50) {
    const some = keys.slice(at, at + 50)
    const read = await Promise.all(some.map((key) => see(node, key)))
    some.forEach((key, index) => {
      seen.set(key, read[index] as Seen)
    })
  }
  return seen
}

const types = ['application/octet-stream', 'image/png', 'text/plain; charset=utf-8', 'application/json']

/** Puts values of random bytes at any node: empty ones, a large one, of several types, some with a lifetime. */
export async function putValues(nodes: readonly RingNode[], keys: readonly string[], lifetime = '1h'): Promise<void> {
  for (let at = 0; at < keys.length; at += 50) {
    const answers = keys.slice(at, at + 50).map((key, index) => {
      const { url } = nodes[index % nodes.length] as RingNode
      const number = at + index
      return fetch(`${url}/v1/${encodeURIComponent(key)}`, {
        method: 'PUT',
        body: randomBytes(number === 7 ? 900_000 : (number * 37) % 3_000),
        headers: {
          'Content-Type': types[number % types.length] ?? '',
          ...(number % 5 === 0 && { 'KVS-TTL': lifetime }),
        },
      })
    })
    expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([201]))
  }
}

/** What `/readyz` says of the ring. */
export interface RingReport {
  readonly version: string | null
  readonly owns: string
  readonly change: object | null
  readonly taking: { readonly state: string; readonly keys: number; readonly obstacle: string | null } | null
  readonly copies: number | null
}

export async function ringReport({ ask }: RingNode): Promise<RingReport> {
  return JSON.parse((await ask({ path: '/readyz' })).body).ring
}

/** Waits until no node has a key that is another member's, as each says. */
export async function withoutCopies(nodes: readonly RingNode[]): Promise<void> {
  for (const node of nodes)
    await until(`${node.address} has no copies left`, async () => (await ringReport(node)).copies === 0)
}

/** Each key is in the log of its owner, by the definition, and in no other. */
export async function expectAtOwners(nodes: readonly RingNode[], positions: RingPositions, keys: readonly string[]) {
  for (const node of nodes) {
    const own = keys.filter((key) => ownerByHand(positions, key) === node.address)
    expect([node.address, (await keysInLog(node)).toSorted()]).toEqual([node.address, own.toSorted()])
  }
}

/** How many entries of clients or of keys that move each key has in the log of a node. */
export async function entriesByKey({ database }: RingNode): Promise<Map<string, number>> {
  const rows = await database.sql<{ key: string; entries: number }>(
    'SELECT key, count(*)::int AS entries FROM transactions WHERE event_type IN (1, 2) GROUP BY key',
  )
  return new Map(rows.map(({ key, entries }) => [key, entries]))
}
