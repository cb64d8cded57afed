import type { Write } from '../../../kvs/core/entry.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { hasSlot } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeSeededRandom, type SeededRandom } from '../../lab/seeded-random.ts'
import { describeOperation } from '../clients.ts'
import { wait } from '../disk.ts'
import type { Node } from '../node.ts'
import { type Lost, send } from '../requester.ts'
import type { Ask, Schedule } from '../schedule.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import type { RingNetwork, RingServer } from './ring-network.ts'
import { type RingAnswer, type RingOperation, readAt, type WriteTerms, writeAt } from './ring-operation.ts'
import { answerRouted, type Local } from './ring-routing.ts'

/** Clients that hop between the nodes of a ring. */
export interface RingClients {
  readonly operations: readonly RingOperation[]
  /** All keys that any client asks about. */
  readonly keys: readonly string[]
  /** Resolves when every client has had its last answer. */
  run(): Promise<void>
  /** As `Clients.probe`, for keys that the nodes' logs own. */
  probe(): void
  readonly isQuiet: boolean
  /** Reads a key at a node when all is well. */
  readBack(node: Node, key: string): Promise<RingOperation>
}

export interface RingClientsOptions {
  readonly schedule: Schedule
  readonly nodes: readonly Node[]
  /** Number of the member that a node belongs to. */
  readonly memberOf: (node: Node) => number
  readonly network: RingNetwork
  readonly lane: Lane
  /** Milliseconds since the clients began. */
  readonly now: () => number
  readonly trace: Trace
}

const timeoutMs = 15_000
const firstProber = 100
/** Number of the client that reads everything in the end. */
const reader = 200
const mostRepeats = 3
const keyName = (key: number) => `key-${key}`
/** So many that each part of the ring has one. */
const probeKeys = Array.from({ length: 400 }, (_, number) => `probe-${number}`)

type Asked = Pick<RingOperation, 'kind' | 'key' | 'value' | 'ttl' | 'condition'>

export function makeRingClients(options: RingClientsOptions): RingClients {
  const { schedule, nodes, memberOf, network, lane, now, trace } = options
  const operations: RingOperation[] = []
  const probing = new Set<Node>()
  let ids = 0

  function record(operation: RingOperation): RingOperation {
    operations.push(operation)
    trace.add(`client ${operation.client}`, describeRingOperation(operation))
    return operation
  }

  /** Asks a node, which has the request answered where its key belongs. */
  function ask(node: Node, key: string, random: SeededRandom, local: Local<RingAnswer>, isRead: boolean) {
    const server = node.server() as RingServer | undefined
    const open = isRead ? 'failed' : 'unknown'
    const routed = {
      ...{ key, local },
      nobody: { outcome: 'failed', status: 503, error: 'nobody takes it' } as const,
      unanswered: { outcome: open, status: 503, error: 'cannot_forward' } as const,
    }
    return send<RingAnswer>(
      { server: () => server, lane, delay: () => random.between(0.05, 0.5), timeoutMs },
      () => answerRouted({ network, server: server as RingServer, member: memberOf(node), now, random }, routed),
      (error: Lost) => ({ outcome: error === 'refused' ? 'failed' : open, status: 0, error }),
    )
  }

  async function read(client: number, node: Node, key: string, isConsistent: boolean, random: SeededRandom) {
    const invoked = now()
    const answer = await ask(node, key, random, (server) => readAt(server, key, isConsistent), true)
    const consistent = isConsistent && { isConsistent: true as const }
    return record({ client, node: node.name, kind: 'get', key, ...consistent, invoked, returned: now(), ...answer })
  }

  /** With an idempotency key a write is asked for again where nobody knows what became of it. */
  async function write(client: number, first: Node, asked: Asked, terms: WriteTerms, random: SeededRandom) {
    const { key, value } = asked
    const invoked = now()
    const write: Write =
      asked.kind === 'put'
        ? { kind: 'put', key, value: Buffer.from(value ?? ''), contentType: undefined }
        : { kind: 'delete', key }
    const local: Local<RingAnswer> = (server) => writeAt(server, write, terms)
    let node = first
    let answer = await ask(node, key, random, local, false)
    let isOpen = answer.outcome === 'unknown'
    for (let repeats = 0; isOpen && terms.idempotencyKey !== undefined && repeats < mostRepeats; repeats++) {
      await wait(lane, random.between(50, 3_000))
      node = anyNode(random) ?? node
      const again = await ask(node, key, random, local, false)
      // One that was refused for another reason says nothing of those before.
      if (again.outcome === 'unknown' || (again.outcome === 'failed' && again.status !== 412)) continue
      answer = again
      isOpen = false
    }
    const operation = record({ client, node: node.name, ...asked, invoked, returned: now(), ...answer })
    // It is done once, also where somebody repeats what was answered long ago.
    if (answer.outcome !== 'ok' || terms.idempotencyKey === undefined || !random.chance(0.4)) return operation
    await wait(lane, random.between(100, 5_000))
    await ask(anyNode(random) ?? node, key, random, local, false)
    return operation
  }

  function anyNode(random: SeededRandom): Node | undefined {
    const inRing = nodes.filter(isInRing)
    return inRing.length === 0 ? undefined : random.pick(inRing)
  }

  async function runClient(client: number, asks: readonly Ask[]): Promise<void> {
    for (const { at, key, draw } of asks) {
      if (at > now()) await wait(lane, at - now())
      const random = makeSeededRandom(draw, 'ask of a ring')
      const node = anyNode(random)
      if (node === undefined) continue
      const kind = random.pick(['get', 'get', 'get', 'put', 'put', 'put', 'delete'] as const)
      if (kind === 'get') {
        await read(client, node, keyName(key), random.chance(0.4), random)
        continue
      }
      const id = `${client}-${ids++}`
      const idempotencyKey = random.chance(0.35) ? `of ${id}` : undefined
      const terms = kind === 'put' ? drawTerms(random, schedule.lifetimes) : {}
      const asked = { kind, key: keyName(key), ...(kind === 'put' && { value: id }), ...terms }
      await write(client, node, asked, { ...terms, idempotencyKey }, random)
    }
  }

  async function probeNode(node: Node, client: number): Promise<void> {
    const owns = node.server()?.ring?.state().owns ?? []
    const key = probeKeys.find((one) => hasSlot(owns, slotOf(one)))
    if (key === undefined || probing.has(node) || !isInRing(node)) return
    probing.add(node)
    const random = makeSeededRandom(client, 'probe')
    await write(client, node, { kind: 'put', key, value: `${client}-${ids++}` }, {}, random)
    probing.delete(node)
  }

  return {
    operations,
    keys: [...new Set(schedule.operations.map(({ key }) => keyName(key)))],
    get isQuiet() {
      return probing.size === 0
    },
    probe() {
      nodes.forEach((node, index) => void probeNode(node, firstProber + index))
    },
    async run() {
      const byClient = Map.groupBy(schedule.operations, ({ client }) => client)
      await Promise.all([...byClient].map(([client, asks]) => runClient(client, asks)))
    },
    readBack: (node, key) => read(reader, node, key, true, makeSeededRandom(0, 'read back')),
  }
}

/** Whether a node is in the ring. Another one, also one that is about to join, has all keys to itself. */
export function isInRing(node: Node): boolean {
  const ring = node.server()?.ring
  const current = ring?.current()
  return ring !== undefined && current !== undefined && current.joining?.includes(ring.self) !== true
}

function drawTerms(random: SeededRandom, lifetimes = 0): { readonly ttl?: number; readonly condition?: 'absent' } {
  if (random.chance(0.15)) return { condition: 'absent' }
  if (!random.chance(lifetimes)) return {}
  return { ttl: random.chance(0.5) ? random.integer(100, 4_000) : 86_400_000 }
}

function describeRingOperation(operation: RingOperation): string {
  const { by, tag } = operation
  return `${describeOperation(operation)}${tag === undefined ? '' : `, ${tag}`}${by === undefined ? '' : `, by ${by}`}`
}
