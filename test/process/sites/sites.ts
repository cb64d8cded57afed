import { onTestFinished } from 'vitest'
import { startProxy, type Proxy as Way } from '../../../tools/lab/network/proxy.ts'
import { freePort } from '../../../tools/lab/ports.ts'
import { type Answer, type Call, type Client, makeClient } from '../../support/client.ts'
import { type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startReadyNode, toEnvironment } from '../../support/node.ts'
import { startProxy as startPostgresProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'

export interface Site {
  readonly database: Database
  readonly nodes: readonly Node[]
  /** Settings and directory of each node, to start it again. */
  start(number: number): Promise<Node>
  /** Cuts its nodes off from their log. */
  logDown(): void
  logUp(): void
  /** Asks one of its nodes, the first by default. */
  ask(call: Call, number?: number): Promise<Answer>
}

export interface SitesOptions {
  readonly nodesEach?: number
  readonly env?: Record<string, string>
  /** What was in the logs before they became sites'. */
  readonly past?: (database: Database, number: number) => Promise<void>
}

/** Sites with a log each, whose nodes reach each other through proxies that a test can cut, each way on its own. */
export interface TestSites {
  readonly sites: readonly Site[]
  /** Cuts the way by which `from` pulls the log of `to`. */
  cut(from: number, to: number): void
  /** Heals all. */
  heal(): void
  /** Resolves once each site has all that the others have, and each node that runs shows it. */
  converged(): Promise<void>
}

export async function startSites(
  count: number,
  { nodesEach = 1, env = {}, past }: SitesOptions = {},
): Promise<TestSites> {
  const call = makeClient()
  const ports = await Promise.all(
    Array.from({ length: count }, async () => Promise.all(Array.from({ length: nodesEach }, () => freePort()))),
  )
  // From each site to each node of each other one
  const ways: Way[][][] = []
  for (const [from] of ports.entries()) {
    ways[from] = []
    for (const [to, upstream] of ports.entries()) {
      ways[from][to] = to === from ? [] : await Promise.all(upstream.map((port) => startWay(port)))
    }
  }
  const sites = await Promise.all(
    ports.map((own, from) =>
      startSite(call, own, peersOf(ways[from] ?? []), env, (database) => past?.(database, from)),
    ),
  )
  const all = ways.flat(2)

  return {
    sites,
    cut: (from, to) => {
      for (const way of ways[from]?.[to] ?? []) way.set({ isCut: true })
      for (const way of ways[from]?.[to] ?? []) way.reset()
    },
    heal: () => {
      for (const way of all) way.set({})
    },
    async converged() {
      await until('all sites have the same', () => haveTheSame(sites))
      for (const { nodes, ask } of sites) {
        for (const number of nodes.keys()) {
          // One that was killed shows nothing.
          await ask({ path: '/v1/any?consistent' }, number).catch(() => undefined)
        }
      }
    },
  }
}

async function startWay(port: number): Promise<Way> {
  const way = await startProxy({ host: '127.0.0.1', port: 0 }, { host: '127.0.0.1', port })
  onTestFinished(() => way.close())
  return way
}

function peersOf(ways: readonly (readonly Way[])[]): string {
  return ways
    .flat()
    .map(({ port }) => `127.0.0.1:${port}`)
    .join(',')
}

async function startSite(
  call: Client,
  ports: readonly number[],
  peers: string,
  env: Record<string, string>,
  past: (database: Database) => Promise<void> | undefined,
): Promise<Site> {
  const database = await makeDatabase()
  await past(database)
  const { host, port } = database.target
  const toLog = await startPostgresProxy(`${host}/.s.PGSQL.${port}`)
  const directories = ports.map(() => makeDirectory())
  const nodes: Node[] = []
  async function start(number: number): Promise<Node> {
    const node = await startReadyNode(directories[number] ?? '', {
      ...toEnvironment({ ...database.target, host: '127.0.0.1', port: toLog.port }),
      ...{ PORT: String(ports[number]), KVS_PEERS: peers },
      ...env,
    })
    nodes[number] = node
    return node
  }
  for (const number of ports.keys()) await start(number)
  return {
    database,
    nodes,
    start,
    logDown: toLog.cut,
    logUp: toLog.heal,
    ask: (asked, number = 0) => call(nodes[number]?.url ?? '', asked),
  }
}

/** Whether the fold of each log is the same: the newest entry of each key, by its origin. */
async function haveTheSame(sites: readonly Site[]): Promise<boolean> {
  const folds = await Promise.all(sites.map(foldOf))
  return new Set(folds).size === 1
}

/** The newest entry of each key in a site's log, and how far it has each origin. */
export async function foldOf({ database }: Site): Promise<string> {
  const rows = await database.sql(`
    SELECT DISTINCT ON (key COLLATE "C") key, event_type, encode(value, 'hex') AS value, stamp,
           coalesce(origin, (SELECT log_id FROM log_head)) AS origin, coalesce(origin_sequence, sequence) AS origin_sequence
    FROM transactions WHERE NOT superseded ORDER BY key COLLATE "C", sequence DESC`)
  const vector = await database.sql(`
    SELECT coalesce(origin, (SELECT log_id FROM log_head)) AS origin, max(coalesce(origin_sequence, sequence)) AS reached
    FROM transactions GROUP BY 1 ORDER BY 1`)
  return JSON.stringify([rows, vector])
}
