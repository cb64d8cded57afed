import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import { accountKey, type Balances, type Transfer, tellerKey } from '../history.ts'
import { writeOutcome } from './request.ts'

export interface TellersOptions {
  readonly nodes: readonly { readonly name: string; readonly url: string }[]
  readonly clients: number
  readonly accounts: number
  readonly random: SeededRandom
  /** Milliseconds since the drill began. */
  readonly now: () => number
  readonly timeoutMs?: number
}

/**
 * Clients that transfer between accounts, each transfer by one transaction at any of the nodes, and that list all
 * accounts with their values.
 */
export interface Tellers {
  readonly transfers: readonly Transfer[]
  readonly balances: readonly Balances[]
  start(): void
  /** Stops the clients. Resolves when every client has had its last answer. */
  stop(): Promise<void>
  /** Lists all accounts at a node. Rejects where that gives no answer. */
  list(node: TellersOptions['nodes'][number]): Promise<void>
}

/** Number of the first one, so that no transfer has the id of another client's value. */
const firstClient = 1_000
/** How often a transfer whose answer is lost is asked for again, under its Idempotency-Key. */
const mostTries = 5
/** Between two things that a client does, in milliseconds: to check all takes time with the square of the transfers. */
const pauseMs = { least: 200, most: 1_500 }

/** What became of one try. */
type Told = Pick<Transfer, 'outcome' | 'status' | 'error' | 'sequence'> & { readonly tag?: string | undefined }

type Asked = Pick<Transfer, 'id' | 'from' | 'to' | 'by'>

/** One client, with the ETag of its own key as its last transfer has left it; undefined where that is not known. */
interface Teller {
  readonly client: number
  tag: string | undefined
  transfers: number
}

export function makeTellers(options: TellersOptions): Tellers {
  const { nodes, clients, random, now, timeoutMs = 15_000 } = options
  const accounts = Array.from({ length: options.accounts }, (_, number) => accountKey(number))
  const transfers: Transfer[] = []
  const balances: Balances[] = []
  let isStopping = false
  let running: Promise<void>[] = []

  async function run(client: number): Promise<void> {
    const own = random.fork(`teller ${client}`)
    const teller: Teller = { client, tag: undefined, transfers: 0 }
    while (!isStopping) {
      await sleep(own.between(pauseMs.least, pauseMs.most))
      if (own.chance(0.3)) await list(own.pick(nodes)).catch(() => undefined)
      else await transferOnce(teller, own)
    }
  }

  async function transferOnce(teller: Teller, own: SeededRandom): Promise<void> {
    const { client } = teller
    const from = own.pick(accounts)
    const to = own.pick(accounts.filter((account) => account !== from))
    const asked: Asked = { id: `${client}-${teller.transfers++}`, from, to, by: own.integer(1, 9) }
    const tag = own.chance(0.5) ? teller.tag : undefined
    const invoked = now()
    let node = own.pick(nodes)
    let told = await transact(node.url, client, asked, tag, timeoutMs)
    for (let tries = 1; told.outcome === 'unknown' && tries < mostTries; tries++) {
      await sleep(own.between(50, 1_000))
      node = own.pick(nodes)
      told = ofRepetition(await transact(node.url, client, asked, tag, timeoutMs))
    }
    const { tag: next, ...answer } = told
    const isBound = tag !== undefined && { isBound: true as const }
    transfers.push({ client, node: node.name, ...asked, invoked, returned: now(), ...isBound, ...answer })
    if (told.outcome === 'ok') teller.tag = next
    else if (told.outcome === 'unknown') teller.tag = undefined
  }

  async function list({ name, url }: TellersOptions['nodes'][number]): Promise<void> {
    const invoked = now()
    const answer = await fetch(`${url}/v1/account-:?values`, { signal: AbortSignal.timeout(timeoutMs) })
    if (answer.status !== 200) throw new Error(`${name} answers ${answer.status} for a list of accounts`)
    const shown = (await answer.json()) as readonly { readonly key: string; readonly value: string }[]
    const position = Number(answer.headers.get('kvs-position')?.split('=')[1])
    balances.push({
      ...{ node: name, invoked, position },
      balances: Object.fromEntries(shown.map(({ key, value }) => [key, value])),
    })
  }

  return {
    transfers,
    balances,
    start() {
      running = Array.from({ length: clients }, (_, index) => run(firstClient + index))
    },
    async stop() {
      isStopping = true
      await Promise.all(running)
    },
    list,
  }
}

async function transact(
  url: string,
  client: number,
  { id, from, to, by }: Asked,
  tag: string | undefined,
  timeoutMs: number,
): Promise<Told> {
  const own = tellerKey(client)
  const body = JSON.stringify({
    if: tag === undefined ? [] : [{ key: own, etag: tag }],
    do: [
      { add: from, by: -by },
      { add: to, by },
      { put: own, value: id },
    ],
  })
  const headers = { Accept: 'application/json', 'Idempotency-Key': `transfer ${id}` }
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const answer = await fetch(`${url}/v1/:`, { method: 'POST', body, headers, signal })
    return toldBy(answer.status, (await answer.json()) as Body)
  } catch (error) {
    const isRefused = (error as { cause?: { code?: unknown } }).cause?.code === 'ECONNREFUSED'
    return { outcome: isRefused ? 'failed' : 'unknown', status: 0, error: isRefused ? 'refused' : 'lost' }
  }
}

interface Body {
  readonly code?: string
  readonly results?: readonly { readonly etag: string }[]
}

function toldBy(status: number, { code = '', results = [] }: Body): Told {
  const outcome = writeOutcome(status, code)
  if (outcome !== 'ok') return { outcome, status, error: code }
  const [first, , own] = results
  return { outcome, status, sequence: Number(first?.etag.split('-')[1]), tag: own?.etag }
}

/** What was asked for before may have been done, unless the log has decided on it. */
function ofRepetition(told: Told): Told {
  return told.outcome === 'failed' && told.status !== 412 ? { ...told, outcome: 'unknown' } : told
}
