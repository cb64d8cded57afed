import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Condition, Operation } from '../history.ts'
import { type Demands, makeRequester, type Requester } from './request.ts'
import { makeValue, randomSize } from './value.ts'

/** One client of the workload. */
export interface Asker {
  /** Does one thing to a key, with retries at other nodes. All requests are recorded; the last one is returned. */
  operate(key: string): Promise<Operation>
  close(): void
}

export interface AskerOptions {
  readonly client: number
  readonly nodes: readonly { readonly name: string; readonly url: string }[]
  readonly random: SeededRandom
  readonly now: () => number
  readonly timeoutMs: number
  readonly nextId: () => string
  readonly record: (operation: Operation) => Operation
  /** Share of the puts whose keys end by themselves; none by default. */
  readonly lifetimes?: number | undefined
  /** How a node is asked; over HTTP unless said otherwise. */
  readonly connect?: (url: string, timeoutMs: number) => Requester
}

interface Wish {
  readonly kind: Operation['kind']
  readonly key: string
  readonly bytes: number
  readonly isConsistent?: true
  readonly condition?: Condition
  readonly tag?: string
  readonly ttl?: number
}

/**
 * A client of several nodes, who asks another one where a connection is refused or reset, or the node is not ready.
 * Every second client passes the newest position that it has seen; of the others half stay with a node as long as it
 * answers.
 */
export function makeHopper(options: AskerOptions): Asker {
  const { client, nodes, random, now, timeoutMs, nextId, record, lifetimes, connect = makeRequester } = options
  const requesters = new Map(nodes.map(({ name, url }) => [name, connect(url, timeoutMs)]))
  const names = nodes.map(({ name }) => name)
  const passesPosition = client % 2 === 0
  const isFaithful = client % 4 === 3
  let home = names[(client >> 2) % names.length] ?? ''
  let newest: { readonly sequence: number; readonly text: string } | undefined
  /** Sequence and ETag of each key's value when it was last seen. */
  const seen = new Map<string, { readonly sequence: number; readonly tag: string }>()

  function draw(key: string): Wish {
    const dice = random.next()
    const bytes = randomSize(random)
    if (dice < 0.3) return { kind: 'put', key, bytes }
    if (dice < 0.37) return { kind: 'delete', key, bytes }
    if (dice < 0.6) return drawConditional(key, bytes)
    return { kind: 'get', key, bytes, ...(dice < 0.75 && { isConsistent: true }) }
  }

  function drawConditional(key: string, bytes: number): Wish {
    const dice = random.next()
    const kind = random.chance(0.15) ? 'delete' : 'put'
    if (dice < 0.1) return { kind, key, bytes, condition: 'present' }
    const known = dice < 0.25 ? undefined : seen.get(key)
    if (known === undefined) return { kind: 'put', key, bytes, condition: 'absent' }
    return { kind, key, bytes, condition: known.sequence, tag: known.tag }
  }

  async function ask(node: string, wish: Wish): Promise<Operation> {
    const { kind, key, bytes, tag: wanted, ...asked } = wish
    const requester = requesters.get(node)
    if (requester === undefined) throw new Error(`there is no node ${node}`)
    const passed = passesPosition ? newest : undefined
    const demands: Demands = { ...asked, tag: wanted, minPosition: passed?.text }
    const id = kind === 'put' ? nextId() : undefined
    const invoked = now()
    const { positionText, tag, ...answer } =
      id !== undefined
        ? await requester.put(key, makeValue(id, bytes), demands)
        : kind === 'get'
          ? await requester.get(key, demands)
          : await requester.remove(key, demands)
    const operation: Operation = {
      ...{ client, node, kind, key, ...asked },
      ...{ invoked, returned: now(), ...(passed && { minPosition: passed.sequence }) },
      ...answer,
      ...(id !== undefined && { value: id }),
    }
    learn(operation, tag, positionText)
    return record(operation)
  }

  function learn(operation: Operation, tag: string | undefined, text: string | undefined): void {
    const { kind, key, outcome, status, sequence, position } = operation
    if (outcome !== 'ok' && status !== 412) return
    const isKnown = sequence !== undefined && tag !== undefined && (kind !== 'delete' || status === 412)
    if (isKnown) seen.set(key, { sequence, tag })
    else seen.delete(key)
    if (position !== undefined && text !== undefined && position > (newest?.sequence ?? 0)) {
      newest = { sequence: position, text }
    }
  }

  return {
    async operate(key) {
      const wish = drawLifetime(draw(key), random, lifetimes)
      const first = isFaithful ? home : random.pick(names)
      const others = names.filter((name) => name !== first)
      let last = await ask(first, wish)
      for (const name of others) {
        if (!isForAnother(last)) break
        if (isFaithful) home = name
        last = await ask(name, wish)
      }
      return last
    },
    close() {
      for (const requester of requesters.values()) requester.close()
    },
  }
}

/** From none to some seconds, in milliseconds. */
const ttls = [0, 20, 100, 500, 1_500, 4_000, 12_000]

/** Draws last, so that what else is asked for is the same with lifetimes and without. */
export function drawLifetime<Wish extends Pick<Operation, 'kind'>>(wish: Wish, random: SeededRandom, share = 0): Wish {
  return wish.kind === 'put' && share > 0 && random.chance(share) ? { ...wish, ttl: random.pick(ttls) } : wish
}

/** Tells whether the request may be sent to another node, since this one is down or not ready. */
export function isForAnother({ error }: Operation): boolean {
  return error === 'refused' || error === 'reset' || error === 'not_ready'
}
