import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { RingMemberNode } from './member-names.ts'

/** What a member answers at /ring. */
export interface RingState {
  readonly ring: {
    readonly id: string
    readonly version: number
    readonly positions: Readonly<Record<string, string>>
    readonly next: Readonly<Record<string, string>> | null
  } | null
  readonly owns: string
}

/** What came of a change that was asked for. Status 0 is no answer. */
export interface ChangeAnswer {
  readonly what: string
  readonly node: string
  readonly status: number
  readonly text: string
  readonly milliseconds: number
}

/** Somebody who changes the ring, at any of its nodes. */
export interface RingOperator {
  /** Every change that was asked for, and was answered or not. */
  readonly answers: readonly ChangeAnswer[]
  /** Forms the ring of the first three nodes; the fourth one is a standby. Rejects where a node does not take it. */
  form(): Promise<void>
  /** Adds a position, or takes a member out, as it draws. */
  change(random: SeededRandom): Promise<ChangeAnswer>
  callOff(random: SeededRandom): Promise<ChangeAnswer>
  /** Whether a change is under way, as far as any node says. */
  isMoving(): Promise<boolean>
  /** Undefined where the ring is settled, or else what is missing, in words. */
  unsettled(): Promise<string | undefined>
}

/** An answer to a change comes once all keys have moved. */
const changeMs = 180_000
const stateMs = 3_000
/** Most positions of the ring: a change is to move a good part of the keys. */
const mostPositions = 6

export function makeOperator(nodes: readonly RingMemberNode[]): RingOperator {
  const answers: ChangeAnswer[] = []

  async function ask(
    node: RingMemberNode,
    path: string,
    body?: URLSearchParams,
    method?: string,
  ): Promise<ChangeAnswer> {
    const began = performance.now()
    const told = await send(`${node.url}${path}`, body, method)
    const answer = { what: path, node: node.name, ...told, milliseconds: performance.now() - began }
    answers.push(answer)
    return answer
  }

  async function states(): Promise<(RingState | undefined)[]> {
    return Promise.all(nodes.map(({ url }) => stateOf(url)))
  }

  async function draw(random: SeededRandom): Promise<string> {
    const newest = (await states())
      .flatMap((state) => state?.ring ?? [])
      .toSorted((one, other) => other.version - one.version)[0]
    const positions = newest?.positions ?? {}
    const members = [...new Set(Object.values(positions))]
    const others = nodes.map(({ address }) => address).filter((address) => !members.includes(address))
    const isFull = Object.keys(positions).length >= mostPositions
    if (members.length > 1 && (isFull || others.length === 0 || random.chance(0.4))) {
      return `/remove_node/${random.pick(members)}`
    }
    const address = random.pick(others.length > 0 && random.chance(0.8) ? others : members)
    return `/add_node/${random.integer(0, 9_999)}/${address}`
  }

  return {
    answers,
    async form() {
      const positions = [3_000, 6_000, 9_000]
      const wanted = positions.map((key, index) => ({ ip: nodes[index]?.address, key: String(key) }))
      const form = new URLSearchParams({ data: JSON.stringify({ nodes: wanted }) })
      for (const node of nodes) {
        const { status, text } = await ask(node, '/hash_ring', form)
        if (status !== 200) throw new Error(`${node.name} answers ${status} to the ring: ${text}`)
      }
    },
    change: async (random) => ask(random.pick(nodes), await draw(random)),
    callOff: (random) => ask(random.pick(nodes), '/ring/call_off', undefined, 'POST'),
    isMoving: async () => (await states()).some((state) => state?.ring?.next),
    async unsettled() {
      const known = await states()
      const silent = nodes.filter((_, index) => known[index]?.ring == null)
      if (silent.length > 0) return `${silent.map(({ name }) => name).join(' and ')} tell of no ring`
      const rings = known.flatMap((state) => state?.ring ?? [])
      const versions = rings.map(({ version }) => version)
      if (rings.some(({ next }) => next !== null)) return `a change is under way (versions ${versions.join(', ')})`
      if (new Set(versions).size > 1) return `the nodes are at the versions ${versions.join(', ')}`
      const owned = known.reduce((sum, state) => sum + countIn(state?.owns ?? ''), 0)
      return owned === 10_000
        ? undefined
        : `the members own ${owned} slots: ${known.map((one) => one?.owns).join('; ')}`
    },
  }
}

async function send(url: string, body: URLSearchParams | undefined, method = body ? 'POST' : 'GET') {
  try {
    const signal = AbortSignal.timeout(changeMs)
    const answer = await fetch(url, { method, signal, ...(body && { body }) })
    return { status: answer.status, text: (await answer.text()).trim() }
  } catch (error) {
    return { status: 0, text: error instanceof Error ? `${error.message}: ${error.cause}` : String(error) }
  }
}

async function stateOf(url: string): Promise<RingState | undefined> {
  try {
    const answer = await fetch(`${url}/ring`, { signal: AbortSignal.timeout(stateMs) })
    return answer.status === 200 ? ((await answer.json()) as RingState) : undefined
  } catch {
    return undefined
  }
}

/** How many slots `0-2999,8001-9999` are. */
function countIn(owns: string): number {
  const ranges = owns === '' ? [] : owns.split(',').map((range) => range.split('-').map(Number))
  return ranges.reduce((sum, [from = 0, through = 0]) => sum + through - from + 1, 0)
}
