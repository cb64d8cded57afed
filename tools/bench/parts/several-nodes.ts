import { withClient } from '../../lab/postgres-client.ts'
import type { Bench } from '../bench.ts'
import { measureLag, measurePollingLag } from '../load/lag.ts'
import type { Workload } from '../load/wrk.ts'
import type { Run } from '../measure/measured-run.ts'
import { interleave } from '../measure/rounds.ts'
import { type Latency, latencyOf } from '../measure/stats.ts'
import { describeRun } from '../report/runs.ts'
import { startBalancer } from '../servers/haproxy.ts'
import { type Postgres, startPostgres } from '../servers/pgbench-postgres.ts'
import type { HttpServer } from '../servers/server.ts'
import { startForwarder, startNode } from '../servers/shared-log-nodes.ts'
import { overHttp } from './contenders.ts'

export interface NodesResult {
  readonly runs: readonly Run[]
  /** Time from a PUT's answer on one node until another node shows its value, in milliseconds. */
  readonly lag: { readonly notified: Latency; readonly polled: Latency }
}

/** Contenders of each case; each is compared with the first. */
export const nodeCases = {
  'get 32': ['one node', 'balancer, 1 node', 'balancer, 2 nodes', 'balancer, 3 nodes', 'forwarder', '?consistent'],
  'put 32': ['one node', 'balancer, 3 nodes', 'forwarder'],
} as const

const base: Omit<Workload, 'gets'> = { bytes: 100, keys: 100_000, distribution: 'uniform', connections: 32 }

/** Measures three nodes on one Postgres, all on this machine, whose cores they share. */
export async function measureNodes(bench: Bench): Promise<NodesResult> {
  const { args, say } = bench
  const postgres = await startPostgres(await bench.makeDirectory('postgres'))
  bench.defer(() => postgres.stop())
  const nodes: HttpServer[] = []
  for (let number = 0; number < 3; number++) {
    const node = await startNode(postgres, await bench.makeDirectory(`node-${number}`))
    bench.defer(() => node.stop())
    nodes.push(node)
  }
  const [one, two] = nodes as [HttpServer, HttpServer]
  await overHttp(bench, one).preload(base.keys, base.bytes)
  const servers = await startServers(bench, nodes)
  const counted = (server: HttpServer): HttpServer => ({
    ...server,
    cpu: () => ({ ...server.cpu(), nodes: sum(nodes), postgres: postgres.cpu().postgres ?? { user: 0, system: 0 } }),
  })

  const runs: Run[] = []
  for (const [name, contenders] of Object.entries(nodeCases)) {
    const workload = { ...base, gets: name.startsWith('get') ? 100 : 0 }
    const present = contenders.filter((contender) => servers.has(contender))
    say(`\n${name}: nodes on one log`)
    await interleave({ rounds: args.runs, signal: bench.signal }, present, async (contender, round) => {
      const server = servers.get(contender) as HttpServer
      const seen = await overHttp(bench, counted(server)).run(workload, args.seconds, round)
      const run = { case: name, contender, round, ...seen }
      runs.push(run)
      say(describeRun(run, args.runs))
    })
  }
  say('\nfrom a PUT on one node until another shows it')
  const notified = await measureLag(one, two, args.isQuick ? 100 : 1_000, bench.signal)
  const polled = await measurePolling(bench, postgres, two)
  return { runs, lag: { notified: latencyOf(Float64Array.from(notified)), polled } }
}

async function startServers(bench: Bench, nodes: readonly HttpServer[]): Promise<Map<string, HttpServer>> {
  const [one] = nodes as [HttpServer]
  const forwarder = await startForwarder(one, await bench.makeDirectory('forwarder'))
  bench.defer(() => forwarder.stop())
  const servers = new Map<string, HttpServer>([
    ['one node', one],
    ['forwarder', forwarder],
    ['?consistent', { ...one, api: 'kvs-consistent' }],
  ])
  const binary = bench.tool('haproxy')
  if (binary === undefined) return servers
  for (const count of [1, 2, 3]) {
    const behind = nodes.slice(0, count)
    const balancer = await startBalancer(binary, behind, await bench.makeDirectory(`balancer-${count}`))
    bench.defer(() => balancer.stop())
    servers.set(`balancer, ${count} node${count === 1 ? '' : 's'}`, balancer)
  }
  return servers
}

/** Sums up the CPU time of all nodes, whichever has the request. */
function sum(nodes: readonly HttpServer[]) {
  return nodes
    .map((node) => node.cpu().node ?? { user: 0, system: 0 })
    .reduce((a, b) => ({ user: a.user + b.user, system: a.system + b.system }))
}

/** Measures the lag of entries that another program writes without a notification. */
async function measurePolling(bench: Bench, postgres: Postgres, reader: HttpServer): Promise<Latency> {
  const { PGHOST: host = '', PGPORT: port, PGUSER: user = '', PGDATABASE: database = '' } = postgres.environment
  return withClient({ host, port: Number(port), user, database }, async (client) => {
    await client.query('SET session_replication_role = replica')
    const append = (value: string) =>
      client.query(
        `INSERT INTO transactions (sequence, event_type, key, value, recorded_at, digest, write_number)
         SELECT sequence + 1, 2, 'lag', convert_to($1, 'UTF8'), now(), digest, 0 FROM end_of_log`,
        [value],
      )
    const lags = await measurePollingLag(append, reader, bench.args.isQuick ? 5 : 40, bench.signal)
    return latencyOf(Float64Array.from(lags))
  })
}
