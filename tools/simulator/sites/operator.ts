import type { Cluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import { remaining } from '../faults.ts'
import type { Node } from '../node.ts'
import { type Lost, send } from '../requester.ts'
import type { GroupFault } from '../schedule.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { startAll } from './log-loss.ts'

/** Changes the members, one change after the other, as a person does at `/view` of a site that stays. */
export interface Operator {
  change(fault: GroupFault): void
  /** Whether every change is made. */
  readonly isIdle: boolean
  /** Whether there was any. */
  readonly isUsed: boolean
  readonly removals: readonly Removal[]
}

/** A site that was taken out, all of its addresses. */
export interface Removal {
  readonly site: number
  /** Its log. */
  readonly logId: string
  /** When somebody first asked for it, in the clients' time. What was acknowledged before is with the others. */
  readonly askedAt: number
  readonly isByItself: boolean
  /** Whether what it had was with the site that was asked, as that said; false where that is not known. */
  readonly isDrained: boolean
}

export interface OperatorOptions {
  readonly clusters: readonly Cluster[]
  readonly lane: Lane
  /** The clients' time. */
  readonly now: () => number
  readonly trace: Trace
  readonly violation: (sentence: string) => void
}

const againMs = 1_000
const timeoutMs = 15_000
/** All faults are over long before that. */
const mostTries = 400

export function makeOperator(options: OperatorOptions): Operator {
  const removals: Removal[] = []
  let pending = 0
  let isUsed = false
  let last: Promise<void> = Promise.resolve()
  return {
    removals,
    get isIdle() {
      return pending === 0
    },
    get isUsed() {
      return isUsed
    },
    change(fault) {
      isUsed = true
      pending++
      last = last
        .then(() => carryOut(options, fault, removals))
        .finally(() => {
          pending--
        })
    },
  }
}

async function carryOut(options: OperatorOptions, fault: GroupFault, removals: Removal[]): Promise<void> {
  const { clusters, now } = options
  const { kind, site } = fault
  const [cluster, by] = [clusters[site], clusters[fault.by]]
  if (cluster === undefined || by === undefined) return
  if (kind === 'added' && !cluster.isInstalled) {
    cluster.isInstalled = true
    startAll(cluster)
  }
  if (!cluster.isInstalled) return
  const { logId } = cluster.logServer
  const askedAt = now()
  const isByItself = kind === 'taken out' && by === cluster
  const made: Made[] = []
  for (const { name } of cluster.nodes) made.push(await changeOne(options, { kind, address: name, by, isByItself }))
  if (kind === 'added') return
  // A log that went back lacks what it had acknowledged, and can't hand it on.
  const isWhole = cluster.logServer.logId === logId && !cluster.isRestored
  const isDrained = made.every((one) => one === 'drained')
  // The others get its log from a site that took itself out, unless they take it out as well before they have it.
  const isTooEarly = (before: Removal) => before.isByItself && before.logId === logId && made.includes('undrained')
  const counting = removals.filter((before) => !isTooEarly(before))
  removals.splice(0, removals.length, ...counting, {
    site,
    logId,
    askedAt,
    isByItself,
    isDrained: isDrained && isWhole,
  })
}

interface Change {
  readonly kind: GroupFault['kind']
  readonly address: string
  readonly by: Cluster
  /** Whether a site takes itself out: once all of its nodes are, there is nobody to ask. */
  readonly isByItself: boolean
}

/** `drained`: nothing is lost by it, as each try said. `nothing`: it was so before. */
type Made = 'drained' | 'undrained' | 'nothing'

/** Asks until the change is made. */
async function changeOne(options: OperatorOptions, { kind, address, by, isByItself }: Change): Promise<Made> {
  const { lane, trace, violation } = options
  let isDrained = true
  for (let tries = 0; tries < mostTries; tries++) {
    const node = remaining(by).find((one) => one.server()?.sites?.isRemoved === false)
    const from = trace.lines.length
    const isOut = isByItself && remaining(by).some((one) => one.server()?.sites?.isRemoved)
    const answer = node ? await ask(options, node, kind, address) : isOut ? 'not there' : 'refused'
    const told = trace.lines.slice(from).filter(({ who }) => who === node?.name)
    if (told.some(({ what }) => what.startsWith(`${address} is taken out, and may have writes`))) isDrained = false
    if (isDone(answer)) return !isDrained ? 'undrained' : answer === 'removed' ? 'drained' : 'nothing'
    // What became of the try is not known, nor whether it waited for anything.
    if (answer !== 'refused') isDrained = false
    await wait(lane, againMs)
  }
  violation(`${address} could not be ${kind} in ${mostTries} tries`)
  return 'undrained'
}

const isDone = (answer: string) => ['added', 'there already', 'removed', 'not there'].includes(answer)

async function ask(
  { lane, trace }: OperatorOptions,
  node: Node,
  kind: GroupFault['kind'],
  address: string,
): Promise<string> {
  const server = node.server()
  const answer = await send<string>(
    { server: () => server, lane, delay: () => 1, timeoutMs },
    async () => {
      const members = server?.sites?.members
      const change = kind === 'added' ? members?.add(address) : members?.remove(address)
      return (await change?.catch((error: Error) => error.message)) ?? 'refused'
    },
    (error: Lost) => error,
  )
  trace.add('operator', `asks ${node.name} that ${address} be ${kind}: ${answer}`)
  return answer
}

/** The members' sites, as a site has them that stays; a sentence where there are nodes that know it otherwise. */
export function membersOf(clusters: readonly Cluster[]): { readonly members: Cluster[]; readonly sentence?: string } {
  const [reference, ...others] = clusters.map(({ nodes }) => nodes)
  const listAt = (node: Node | undefined) => node?.server()?.sites?.members.list() ?? []
  const list = listAt(reference?.[0])
  const members = clusters.filter(
    ({ nodes, isInstalled }) => isInstalled && (nodes === reference || nodes.every(({ name }) => list.includes(name))),
  )
  for (const { nodes } of clusters.filter(({ isInstalled }) => isInstalled)) {
    const isMember = members.some((member) => member.nodes === nodes)
    const half = nodes !== reference && !isMember && nodes.find(({ name }) => list.includes(name))
    if (half) return { members, sentence: `${half.name} is a member, and its site is not` }
    const unheard = nodes.find((node) => node.server()?.sites?.isRemoved !== !isMember)
    const what = isMember ? 'is a member' : 'was taken out'
    if (unheard) return { members, sentence: `${unheard.name} does not know that it ${what}` }
    for (const { name } of others.flat().filter((one) => isMember && !nodes.includes(one))) {
      const other = nodes.find((node) => listAt(node).includes(name) !== list.includes(name))
      if (other) return { members, sentence: `${other.name} knows otherwise of ${name} than ${reference?.[0]?.name}` }
    }
  }
  return { members }
}

/** What has the members be whole sites: two changes at the same time can have taken out a half. */
export function halves(clusters: readonly Cluster[]): GroupFault[] {
  const list = clusters[0]?.nodes[0]?.server()?.sites?.members.list() ?? []
  return clusters.flatMap(({ nodes, isInstalled }, site): GroupFault[] => {
    const count = nodes.filter(({ name }) => list.includes(name)).length
    if (site === 0 || !isInstalled || count === 0 || count === nodes.length) return []
    return [{ kind: 'added', at: 0, site, by: 0 }]
  })
}
