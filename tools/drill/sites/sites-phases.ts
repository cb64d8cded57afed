import { waitFor } from '../../lab/polling.ts'
import { type NodeStatus, statusOf } from '../../lab/readiness.ts'
import { makeRequester } from '../workload/request.ts'
import { haveAll, type LogLength, lengthOf, type ReadLog, readLength, readSiteLog } from './site-logs.ts'
import type { SiteName, SiteNode } from './site-names.ts'
import type { SitesStack } from './sites-stack.ts'
import type { NodeView } from './sites-verdict.ts'

/** How /readyz tells of a site's peers. */
export interface SiteStatus extends NodeStatus {
  readonly sites?: {
    readonly leads: boolean
    readonly peers: readonly { readonly address: string; readonly state: string; readonly log: string | null }[]
  }
}

export const siteStatusOf = (url: string): Promise<SiteStatus | undefined> => statusOf(url)

interface Phase {
  readonly stack: SitesStack
  /** Sites that run. */
  readonly sites: readonly SiteName[]
  readonly signal: AbortSignal
  readonly violation: (sentence: string) => void
}

/** Longest wait for nodes to serve, and for sites to have each other's entries, in seconds. */
const patienceSeconds = 180

const running = ({ stack, sites }: Phase) => stack.nodes.filter(({ site }) => sites.includes(site))

/** Waits until every node serves. One that does not is a violation. */
export async function allServe(phase: Phase): Promise<boolean> {
  for (const { name, url } of running(phase)) {
    const isServing = async () => (await statusOf(url))?.state === 'serving'
    if (await waitFor(isServing, { boundMs: 1000 * patienceSeconds, signal: phase.signal, everyMs: 100 })) continue
    phase.violation(`${name} was not serving after ${patienceSeconds} s: ${JSON.stringify(await statusOf(url))}`)
    return false
  }
  return true
}

/** How many other logs a site follows, by any of its nodes. */
export async function followedBy(nodes: readonly SiteNode[]): Promise<number> {
  const statuses = await Promise.all(nodes.map(({ url }) => siteStatusOf(url)))
  return statuses.flatMap((status) => status?.sites?.peers ?? []).filter(({ state }) => state === 'following').length
}

/** Waits until every site follows every other one. That one does not is a violation. */
export async function allFollow(phase: Phase): Promise<boolean> {
  for (const site of phase.sites) {
    const nodes = running(phase).filter((node) => node.site === site)
    const isDone = async () => (await followedBy(nodes)) >= phase.sites.length - 1
    if (await waitFor(isDone, { boundMs: 1000 * patienceSeconds, signal: phase.signal, everyMs: 200 })) continue
    const statuses = await Promise.all(nodes.map(({ url }) => siteStatusOf(url)))
    phase.violation(`after ${patienceSeconds} s site ${site} does not follow all others: ${JSON.stringify(statuses)}`)
    return false
  }
  return true
}

async function eachLog<T>(
  { stack, sites }: Phase,
  read: (client: Awaited<ReturnType<SitesStack['connect']>>) => Promise<T>,
) {
  const all: T[] = []
  for (const site of sites) {
    const client = await stack.connect(site)
    try {
      all.push(await read(client))
    } finally {
      await client.end()
    }
  }
  return all
}

/** Waits until all logs have the same number of entries, which is what all sites wrote. Else that is a violation. */
export async function converge(phase: Phase): Promise<boolean> {
  let lengths: LogLength[] = []
  const isDone = async () => {
    lengths = await eachLog(phase, readLength)
    return haveAll(lengths)
  }
  if (await waitFor(isDone, { boundMs: 1000 * patienceSeconds, signal: phase.signal, everyMs: 300 })) return true
  const told = lengths.map(({ own, entries }) => `${own} of ${entries}`).join(', ')
  phase.violation(`after ${patienceSeconds} s the sites have not converged: of their entries are their own ${told}`)
  return false
}

/**
 * Reads each log once all have the same. They are read one after another, and anew where they went on meanwhile: keys
 * may yet end by themselves, each of them once.
 */
export async function readLogs(phase: Phase): Promise<ReadLog[]> {
  for (;;) {
    const hasConverged = await converge(phase)
    const logs = await eachLog(phase, readSiteLog)
    if (!hasConverged || haveAll(logs.map(lengthOf))) return logs
  }
}

/** Reads each key at each node with `?consistent`, so that the node has applied all of its log. */
export async function readViews(phase: Phase, keys: readonly string[], round: string): Promise<NodeView[]> {
  const views: NodeView[] = []
  for (const { name, url } of running(phase)) {
    const requester = makeRequester(url, 15_000)
    const values = new Map<string, string | null | undefined>()
    const positions = new Map<string, string>()
    try {
      for (const key of keys) {
        const { outcome, value, status, positionText } = await requester.get(key, { isConsistent: true })
        if (positionText !== undefined) positions.set(key, positionText)
        if (outcome === 'ok') values.set(key, value ?? null)
        else phase.violation(`${name} answers ${status} for the key ${key} when all is well`)
      }
    } finally {
      requester.close()
    }
    views.push({ node: `${name}, ${round},`, values, positions })
  }
  return views
}
