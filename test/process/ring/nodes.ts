import { freePort } from '../../../tools/lab/ports.ts'
import { ownerByHand, type RingPositions } from '../../container/ring-client.ts'
import { type Answer, type Call, makeClient } from '../../support/client.ts'
import { type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startReadyNode, toEnvironment } from '../../support/node.ts'

/** What a member answers at /ring. */
export interface RingState {
  readonly ring: {
    readonly id: string
    readonly version: number
    readonly home: string
    readonly positions: RingPositions
    readonly next: RingPositions | null
    readonly standbys: readonly string[]
  } | null
  readonly self: string
  readonly owns: string
}

/** A node with a log of its own, which can be killed and started again. */
export interface RingNode {
  /** Address in the ring. */
  readonly address: string
  readonly url: string
  readonly directory: string
  readonly database: Database
  /** The process that runs, or ran last. */
  readonly process: Node
  start(): Promise<void>
  /** Kills it (SIGKILL), and resolves once it has ended. */
  kill(): Promise<void>
  ask(call: Call): Promise<Answer>
  state(): Promise<RingState>
  put(key: string, body: string, headers?: Record<string, string>): Promise<Answer>
  remove(key: string): Promise<Answer>
  get(key: string, headers?: Record<string, string>): Promise<Answer>
  setRing(positions: RingPositions): Promise<Answer>
}

/** Three nodes that are in no ring yet, with a database of the tests' server each. */
export async function startThree(env: Record<string, string> = {}): Promise<[RingNode, RingNode, RingNode]> {
  const nodes = [await makeNode(env), await makeNode(env), await makeNode(env)] as [RingNode, RingNode, RingNode]
  await Promise.all(nodes.map((node) => node.start()))
  return nodes
}

/** The same, of which the first two have formed a ring, and the third one is its standby. */
export async function startRing(env: Record<string, string> = {}) {
  const nodes = await startThree(env)
  const [one, two, standby] = nodes
  const positions: RingPositions = { 3000: one.address, 8000: two.address }
  const { status, body } = await standby.setRing(positions)
  if (status !== 200) throw new Error(`POST /hash_ring answers ${status}: ${body}`)
  return { nodes, positions }
}

async function makeNode(env: Record<string, string>): Promise<RingNode> {
  const call = makeClient()
  const database = await makeDatabase()
  const directory = makeDirectory()
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const url = `http://${address}`
  const ask = (asked: Call) => call(url, asked)
  let running: Node | undefined

  return {
    ...{ address, url, directory, database, ask },
    get process() {
      if (running === undefined) throw new Error(`${address} was not started`)
      return running
    },
    async start() {
      const settings = { ...toEnvironment(database.target), KVS_ADDRESS: address, PORT: String(port) }
      running = await startReadyNode(directory, { ...settings, ...env })
    },
    async kill() {
      running?.kill('SIGKILL')
      await running?.ended
    },
    state: async () => JSON.parse((await ask({ path: '/ring' })).body),
    put: (key, body, headers = {}) => ask({ method: 'PUT', path: pathOf(key), body, headers }),
    remove: (key) => ask({ method: 'DELETE', path: pathOf(key) }),
    get: (key, headers = {}) => ask({ path: pathOf(key), headers }),
    setRing(positions) {
      const nodes = Object.entries(positions).map(([key, ip]) => ({ ip, key }))
      const body = String(new URLSearchParams({ data: JSON.stringify({ nodes }) }))
      return ask({ method: 'POST', path: '/hash_ring', body, headers: form })
    },
  }
}

const form = { 'Content-Type': 'application/x-www-form-urlencoded' }

const pathOf = (key: string) => `/v1/${encodeURIComponent(key)}`

/** Has a member answer for its own part alone. */
export async function ownPart(node: RingNode): Promise<Record<string, string>> {
  const { ring } = await node.state()
  if (ring === null) throw new Error(`${node.address} is in no ring`)
  return { 'KVS-Ring': `${ring.id}=${ring.version}` }
}

/** Keys that have a value in the node's log, whether or not it shows them. */
export async function keysInLog({ database }: RingNode): Promise<string[]> {
  const rows = await database.sql<{ key: string }>(`
    SELECT key FROM (
      SELECT DISTINCT ON (key COLLATE "C") key, event_type FROM transactions
      WHERE event_type IN (1, 2) AND NOT superseded ORDER BY key COLLATE "C", sequence DESC) AS newest
    WHERE event_type = 2`)
  return rows.map(({ key }) => key)
}

/** The first keys `PREFIX-0`, `PREFIX-1` and so on that belong to an address. */
export function keysOf(positions: RingPositions, address: string, count: number, prefix: string): string[] {
  const keys: string[] = []
  for (let number = 0; keys.length < count; number++) {
    const key = `${prefix}-${number}`
    if (ownerByHand(positions, key) === address) keys.push(key)
  }
  return keys
}
