import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import { drawLifetime } from '../workload/hopper.ts'
import { type Answer, type Demands, makeRequester, type Requester, toldOf, writeOutcome } from '../workload/request.ts'
import { makeValue, randomSize } from '../workload/value.ts'
import type { RingMemberNode } from './member-names.ts'
import { counterKey, type Repetition, type RingAddition, type RingOperation } from './ring-history.ts'

export type Connect = (url: string, timeoutMs: number) => Requester

export interface RingClientOptions {
  readonly client: number
  readonly nodes: readonly RingMemberNode[]
  readonly random: SeededRandom
  /** Milliseconds since the drill began. */
  readonly now: () => number
  readonly nextId: () => string
  readonly counters: number
  readonly record: {
    operation(operation: RingOperation): void
    addition(addition: RingAddition): void
    repetition(repetition: Repetition): void
  }
  /** How a node is asked; over HTTP as it is, unless said otherwise. */
  readonly connect?: Connect | undefined
}

/** One client, which asks any node, whoever owns the key. */
export interface RingClient {
  /**
   * Does one thing to a key, and repeats what has an Idempotency-Key and no answer. Resolves with whether it was
   * answered.
   */
  operate(key: string): Promise<boolean>
  /** Puts a value of so many bytes. */
  put(key: string, bytes: number): Promise<void>
  close(): void
}

interface Wish {
  readonly kind: RingOperation['kind']
  readonly bytes: number
  readonly isConsistent?: true
  readonly condition?: 'absent' | 'present' | number
  /** ETag without its quotes. */
  readonly ifMatch?: string
  readonly ttl?: number
  readonly isIdempotent?: boolean
}

const timeoutMs = 20_000
/** How often a write is asked for whose answer is lost. */
const mostTries = 8
/** Share of the puts whose keys end by themselves. */
const lifetimes = 0.03

type Told = Answer & { readonly node: string }

export function makeRingClient(options: RingClientOptions): RingClient {
  const { client, nodes, random, now, nextId, counters, record, connect = makeRequester } = options
  const requesters = new Map(nodes.map(({ name, url }) => [name as string, connect(url, timeoutMs)]))
  /** ETag of each key's value, without its quotes, when it was last seen. */
  const seen = new Map<string, string>()
  let drawn = 0

  function draw(key: string): Wish {
    const dice = random.next()
    const bytes = randomSize(random)
    const isIdempotent = random.chance(0.5)
    if (dice < 0.28) return { kind: 'put', bytes, isIdempotent }
    if (dice < 0.34) return { kind: 'delete', bytes, isIdempotent }
    if (dice < 0.52) return { ...drawConditional(key, bytes), isIdempotent }
    return { kind: 'get', bytes, ...(dice < 0.7 && { isConsistent: true }) }
  }

  function drawConditional(key: string, bytes: number): Wish {
    const dice = random.next()
    const kind = random.chance(0.15) ? 'delete' : 'put'
    if (dice < 0.1) return { kind, bytes, condition: 'present' }
    const tag = dice < 0.25 ? undefined : seen.get(key)
    if (tag === undefined) return { kind: 'put', bytes, condition: 'absent' }
    return { kind, bytes, condition: Number(tag.split('-').at(-2)), ifMatch: tag }
  }

  async function send(key: string, wish: Wish, value: Buffer | undefined, idempotencyKey?: string): Promise<Told> {
    const { name } = random.pick(nodes)
    const requester = requesters.get(name) as Requester
    const { condition, ifMatch, ttl, isConsistent = false } = wish
    const demands: Demands = { condition, ttl, isConsistent, idempotencyKey, tag: ifMatch && `"${ifMatch}"` }
    const answer =
      value !== undefined
        ? await requester.put(key, value, demands)
        : wish.kind === 'get'
          ? await requester.get(key, demands)
          : await requester.remove(key, demands)
    return { node: name, ...answer }
  }

  /** Asks, and asks another node again where the request has an Idempotency-Key and nobody knows what became of it. */
  async function ask(send: (idempotencyKey: string | undefined) => Promise<Told>, isIdempotent: boolean) {
    const idempotencyKey = isIdempotent ? `drill ${client} ${drawn++} ${random.integer(0, 2 ** 40)}` : undefined
    let told = await send(idempotencyKey)
    let tries = 1
    for (; told.outcome === 'unknown' && idempotencyKey !== undefined && tries < mostTries; tries++) {
      await sleep(random.between(50, 1_000))
      told = ofRepetition(await send(idempotencyKey))
    }
    return { told, idempotencyKey, ...(tries > 1 && { tries }) }
  }

  async function operateOn(key: string, wish: Wish): Promise<RingOperation> {
    const { kind, bytes, isIdempotent = false, ...asked } = wish
    const id = kind === 'put' ? nextId() : undefined
    const value = id === undefined ? undefined : makeValue(id, bytes)
    const invoked = now()
    const { told, idempotencyKey, ...tries } = await ask((text) => send(key, wish, value, text), isIdempotent)
    const { tag: quoted, positionText: _, position: __, sequence: ___, ...answer } = told
    const tag = quoted?.slice(1, -1)
    const operation: RingOperation = {
      ...{ client, kind, key, ...asked, invoked, returned: now(), ...tries, ...answer },
      ...(tag !== undefined && { tag }),
      ...(id !== undefined && { value: id }),
    }
    record.operation(operation)
    learn(operation)
    if (idempotencyKey === undefined || operation.outcome !== 'ok' || !random.chance(0.2)) return operation
    await sleep(random.between(0, 3_000))
    const again = await send(key, wish, value, idempotencyKey)
    record.repetition({ of: operation, node: again.node, status: again.status, tag: again.tag?.slice(1, -1) })
    return operation
  }

  function learn({ kind, key, outcome, status, tag }: RingOperation): void {
    if (outcome !== 'ok' && status !== 412) return
    if (tag !== undefined && (kind !== 'delete' || status === 412)) seen.set(key, tag)
    else seen.delete(key)
  }

  async function add(): Promise<boolean> {
    const key = counterKey(random.integer(0, counters - 1))
    const invoked = now()
    const { told, idempotencyKey: _, ...tries } = await ask((text) => addOne(random.pick(nodes), key, text), true)
    const { tag, value, node, outcome, status, error } = told
    record.addition({
      ...{ client, kind: 'put', key, node, invoked, returned: now(), ...tries, outcome, status },
      ...(tag !== undefined && { tag: tag.slice(1, -1) }),
      ...(value !== undefined && { value }),
      ...(error !== undefined && { error }),
    })
    return outcome === 'ok'
  }

  return {
    async operate(key) {
      if (random.chance(0.06)) return add()
      const { outcome, status } = await operateOn(key, drawLifetime(draw(key), random, lifetimes))
      return outcome === 'ok' || status === 412
    },
    put: async (key, bytes) => void (await operateOn(key, { kind: 'put', bytes })),
    close() {
      for (const requester of requesters.values()) requester.close()
    },
  }
}

/** What was asked for before may have been done, unless the log has decided on it. */
function ofRepetition(told: Told): Told {
  return told.outcome === 'failed' && told.status !== 412 ? { ...told, outcome: 'unknown' } : told
}

async function addOne({ name, url }: RingMemberNode, key: string, idempotencyKey = ''): Promise<Told> {
  const headers = { Accept: 'application/json', 'Idempotency-Key': idempotencyKey }
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const answer = await fetch(`${url}/v1/${encodeURIComponent(key)}?add=1`, { method: 'POST', headers, signal })
    const text = await answer.text()
    const { status } = answer
    if (status !== 200) {
      const { code = '' } = JSON.parse(text) as { code?: string }
      return { node: name, outcome: writeOutcome(status, code), status, error: code }
    }
    const told = toldOf(answer.headers.get('etag')?.slice(1, -1), '', false)
    return { node: name, outcome: 'ok', status, value: text.trim(), ...told }
  } catch (error) {
    const isRefused = (error as { cause?: { code?: unknown } }).cause?.code === 'ECONNREFUSED'
    return { node: name, outcome: isRefused ? 'failed' : 'unknown', status: 0, error: isRefused ? 'refused' : 'lost' }
  }
}
