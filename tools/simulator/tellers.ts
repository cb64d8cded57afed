import { KvsError } from '../../kvs/core/errors.ts'
import { ConditionsFailed } from '../../kvs/core/transaction.ts'
import type { Kv } from '../../kvs/kv/index.ts'
import { accountKey, type Balances, type Transfer, tellerKey } from '../drill/history.ts'
import { writeOutcome } from '../drill/workload/request.ts'
import { makeSeededRandom, type SeededRandom } from '../lab/seeded-random.ts'
import { wait } from './disk.ts'
import type { Node } from './node.ts'
import { type Lost, send } from './requester.ts'
import { type Schedule, seconds, type TransferAsk } from './schedule.ts'
import type { Lane } from './scheduler.ts'
import type { Trace } from './trace.ts'

/** Those who transfer between accounts, each by one transaction, and who list all accounts. */
export interface Tellers {
  readonly transfers: readonly Transfer[]
  readonly balances: readonly Balances[]
  /** All keys that they write. */
  readonly keys: readonly string[]
  /** Resolves when each of them has had the last answer. */
  run(): Promise<void>
  /** Lists all accounts at a node. */
  list(node: Node): Promise<void>
}

export interface TellersOptions {
  readonly schedule: Schedule
  readonly nodes: readonly Node[]
  readonly lane: Lane
  /** Milliseconds since the clients began. */
  readonly now: () => number
  readonly trace: Trace
}

/** How often a transfer whose answer is lost is asked for again, under its Idempotency-Key. */
const mostTries = 4
const timeoutMs = 15_000
const accounts = Array.from({ length: 4 }, (_, n) => accountKey(n))
/** All keys that begin as those of accounts do. */
const ranges = [{ from: Buffer.from('account-'), to: Buffer.from('account.') }]

/** What became of one try. */
type Told = Pick<Transfer, 'outcome' | 'status' | 'error' | 'sequence'> & { readonly tag?: string | undefined }

interface Teller {
  readonly client: number
  /** Tag of the client's own key, as its last transfer has left it; undefined where that is not known. */
  tag: string | undefined
  transfers: number
}

export function makeTellers(options: TellersOptions): Tellers {
  const { schedule, nodes, lane, now, trace } = options
  const transfers: Transfer[] = []
  const balances: Balances[] = []
  const asks = schedule.transfers ?? []
  const tellers = new Set(asks.map(({ client }) => client))

  async function runTeller(client: number, own: readonly TransferAsk[]): Promise<void> {
    const teller: Teller = { client, tag: undefined, transfers: 0 }
    for (const { at, draw } of own) {
      if (at > now()) await wait(lane, at - now())
      const random = makeSeededRandom(draw, 'transfer')
      if (random.chance(0.3)) await list(random.pick(nodes))
      else await transferOnce(teller, random)
    }
  }

  async function transferOnce(teller: Teller, random: SeededRandom): Promise<void> {
    const invoked = now()
    const from = random.pick(accounts)
    const to = random.pick(accounts.filter((account) => account !== from))
    const asked = { id: `${teller.client}-${teller.transfers++}`, from, to, by: random.integer(1, 9) }
    const isBound = teller.tag !== undefined && random.chance(0.5)
    const tag = isBound ? teller.tag : undefined
    let node = random.pick(nodes)
    let told = await ask(node, random, (kv) => transact(kv, teller.client, asked, tag), lost)
    for (let tries = 1; told.outcome === 'unknown' && tries < mostTries; tries++) {
      await wait(lane, random.between(50, 1_000))
      node = random.pick(nodes)
      told = ofRepetition(await ask(node, random, (kv) => transact(kv, teller.client, asked, tag), lost))
    }
    const { tag: next, ...answer } = told
    const { client } = teller
    const transfer = {
      client,
      node: node.name,
      ...asked,
      invoked,
      returned: now(),
      ...(isBound && { isBound }),
      ...answer,
    }
    transfers.push(transfer)
    trace.add(`client ${client}`, describeTransfer(transfer))
    if (told.outcome === 'ok') teller.tag = next
    else if (told.outcome === 'unknown') teller.tag = undefined
  }

  async function list(node: Node): Promise<void> {
    const invoked = now()
    const random = makeSeededRandom(schedule.seed, `list of ${node.name} at ${invoked}`)
    const shown = await ask(node, random, readBalances, () => undefined)
    if (shown === undefined) return
    balances.push({ node: node.name, invoked, ...shown })
    const text = Object.entries(shown.balances).map(([account, balance]) => `${account}: ${balance}`)
    trace.add('teller', `balances at ${node.name}: ${text.join(', ')}, at position ${shown.position}`)
  }

  function ask<Result>(
    node: Node,
    random: SeededRandom,
    act: (kv: Kv) => Promise<Result>,
    lost: (error: Lost) => Result,
  ): Promise<Result> {
    const way = { server: () => node.server(), lane, delay: () => random.between(0.05, 0.5), timeoutMs }
    return send(way, act, lost)
  }

  return {
    transfers,
    balances,
    keys: asks.length === 0 ? [] : [...accounts, ...[...tellers].map(tellerKey)],
    list,
    async run() {
      await Promise.all([...Map.groupBy(asks, ({ client }) => client)].map(([client, own]) => runTeller(client, own)))
    },
  }
}

const lost = (error: Lost): Told => ({
  ...{ outcome: error === 'refused' ? 'failed' : 'unknown', status: 0, error },
})
/** What was asked for before may have been done, unless the log has decided on it. */
function ofRepetition(told: Told): Told {
  return told.outcome === 'failed' && told.status !== 412 ? { ...told, outcome: 'unknown' } : told
}

async function transact(
  kv: Kv,
  client: number,
  { id, from, to, by }: Pick<Transfer, 'id' | 'from' | 'to' | 'by'>,
  tag: string | undefined,
): Promise<Told> {
  const own = tellerKey(client)
  try {
    const { entries } = await kv.transact({
      conditions: tag === undefined ? [] : [{ key: own, precondition: { ifMatch: [tag] } }],
      operations: [
        { kind: 'add', key: from, by: BigInt(-by) },
        { kind: 'add', key: to, by: BigInt(by) },
        { kind: 'put', key: own, value: Buffer.from(id), contentType: undefined },
      ],
      idempotencyKey: id,
    })
    return { outcome: 'ok', status: 200, sequence: Number(entries[0]?.sequence), tag: entries[2]?.tag }
  } catch (error) {
    const { status, code } = error instanceof KvsError ? error : new KvsError('internal', String(error))
    const isDecided = error instanceof ConditionsFailed
    return { outcome: isDecided ? 'failed' : writeOutcome(status, code), status, error: code }
  }
}

async function readBalances(kv: Kv): Promise<Pick<Balances, 'balances' | 'position'> | undefined> {
  try {
    const { items, position } = await kv.listValues({ ranges, limit: 100, maxBytes: 1e6 })
    const shown = items.map(({ key, found }) => [key, found.value.toString()] as const)
    return { balances: Object.fromEntries(shown), position: Number(position.split('=')[1] ?? 0) }
  } catch (error) {
    if (error instanceof KvsError) return undefined
    throw error
  }
}

function describeTransfer({ id, from, to, by, node, outcome, status, error, sequence, invoked, isBound }: Transfer) {
  const asked = `transfer ${id} of ${by} from ${from} to ${to}${isBound ? ' bound to its own key' : ''}`
  const answered = [`${outcome} ${status}`, ...(error ? [error] : []), ...(sequence ? [`entry ${sequence}`] : [])]
  return `${asked} at ${node}, asked at ${seconds(invoked)}: ${answered.join(', ')}`
}
