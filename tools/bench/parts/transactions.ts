import type { Bench } from '../bench.ts'
import { runClosedLoop } from '../load/closed-loop.ts'
import { cpuPerRequest, type Run } from '../measure/measured-run.ts'
import { interleave } from '../measure/rounds.ts'
import { describeRun } from '../report/runs.ts'
import { startKvs } from '../servers/embedded-node.ts'
import { startEtcd } from '../servers/etcd.ts'
import type { HttpServer } from '../servers/server.ts'

export interface TransactionsResult {
  /** Of the cases below, by kvs, and the transactions by etcd as well. */
  readonly runs: readonly Run[]
}

/** A transaction puts ten keys; a count adds to the one key that all clients add to. */
export const transactionCases = { transactions: 'txn of 10, 32', counts: 'count 32', puts: 'put 32' } as const

const connections = 32
const keys = 100_000
const value = 'v'.repeat(100)
const encoded = Buffer.from(value).toString('base64')

type Random = Parameters<Parameters<typeof runClosedLoop>[0]['request']>[0]

const keyIn = (random: Random) => `k${random.integer(0, keys - 1)}`
const keysIn = (random: Random) => Array.from({ length: 10 }, () => keyIn(random))

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const requests = {
  kvs: {
    [transactionCases.transactions]: (random: Random) =>
      post('/v1/:', JSON.stringify({ do: keysIn(random).map((put) => ({ put, value })) })),
    [transactionCases.counts]: () => post('/v1/counter?add=1', ''),
    [transactionCases.puts]: (random: Random) =>
      `PUT /v1/${keyIn(random)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${value.length}\r\n\r\n${value}`,
  },
  // A key that is put twice in one transaction is an error there: the place makes ten of one number differ.
  etcd: {
    [transactionCases.transactions]: (random: Random) => {
      const puts = keysIn(random).map((key, place) => {
        return { requestPut: { key: Buffer.from(`${key}-${place}`).toString('base64'), value: encoded } }
      })
      return post('/v3/kv/txn', JSON.stringify({ success: puts }))
    },
  },
} as const

/** Starts the servers, and lets them take turns. */
export async function measureTransactions(bench: Bench): Promise<TransactionsResult> {
  const { args, say, signal } = bench
  const kvs = await startKvs({ directory: await bench.makeDirectory('kvs') })
  bench.defer(() => kvs.stop())
  const binary = bench.tool('etcd')
  const etcd = binary === undefined ? undefined : await startEtcd(binary, await bench.makeDirectory('etcd'))
  if (etcd) bench.defer(() => etcd.stop())
  const turns = [
    ...Object.entries(requests.kvs).map(([name, request]) => ({ name, contender: 'kvs', server: kvs, request })),
    ...(etcd
      ? Object.entries(requests.etcd).map(([name, request]) => ({ name, contender: 'etcd', server: etcd, request }))
      : []),
  ]
  say('\ntransactions of ten puts, counts on one key, and plain PUTs, on 32 connections')
  for (const { server, request } of turns) await measure(server, request, 1, 7)
  const runs: Run[] = []
  await interleave({ rounds: args.runs, signal }, turns, async ({ name, contender, server, request }, round) => {
    const run = { case: name, contender, round, ...(await measure(server, request, args.seconds, 1_000 * round)) }
    runs.push(run)
    say(`${name.padEnd(14)}${describeRun(run, args.runs)}`)
  })
  return { runs }
}

async function measure(
  server: HttpServer,
  request: (random: Random) => string,
  seconds: number,
  seed: number,
): Promise<Omit<Run, 'case' | 'contender' | 'round'>> {
  const before = server.cpu()
  const seen = await runClosedLoop({ port: server.port, connections, seconds, seed, request })
  return {
    ...{ requests: seen.requests, seconds: seen.seconds, rate: seen.requests / seen.seconds },
    cpu: cpuPerRequest(before, server.cpu(), seen.requests),
    generatorShare: seen.generatorSeconds / seen.seconds,
    ...(seen.problem !== undefined && { problem: seen.problem }),
  }
}
