import { statusOf } from '../../../lab/readiness.ts'
import type { SiteNode } from '../site-names.ts'
import type { SitesContext, SitesDrill } from '../sites-drill.ts'
import { siteStatusOf } from '../sites-phases.ts'

const joining = 'd'
let markers = 0

/** A site is added, taken out, written to meanwhile, and added again. */
async function comeAndGo(context: SitesContext): Promise<void> {
  const { stack, workload, random, pause, lasting, becomes } = context
  const others = stack.nodes.filter(({ site }) => site !== joining)
  const node = stack.nodes.find(({ site }) => site === joining)
  if (node === undefined) throw new Error(`this takes a site ${joining}`)
  if ((await statusOf(node.url)) === undefined) {
    await lasting(`${joining} joins`, async () => {
      await stack.create(joining)
      await becomes(`${joining} serves`, async () => (await statusOf(node.url))?.state === 'serving', 120)
      await add(context, node, others)
    })
    await pause(2, 5)
  }
  await lasting(`${joining} is taken out`, async () => {
    await workload.close(joining)
    await change(context, 'DELETE', random.pick(others), node)
    await isAlone(context, node, others)
  })
  await pause(0.5, 3)
  await lasting(`${joining} is added again`, () => add(context, node, others))
  await pause(1, 4)
}

async function add(context: SitesContext, node: SiteNode, others: readonly SiteNode[]): Promise<void> {
  const { workload, random, becomes } = context
  await change(context, 'PUT', random.pick(others), node)
  for (const other of others) {
    const follows = async () => {
      const peers = (await siteStatusOf(other.url))?.sites?.peers ?? []
      return peers.some(({ address, state }) => address === node.address && state === 'following')
    }
    await becomes(`${other.name} follows ${node.name}`, follows, 60)
  }
  workload.open(joining)
}

async function change(
  { violation }: SitesContext,
  method: 'PUT' | 'DELETE',
  asked: SiteNode,
  node: SiteNode,
): Promise<void> {
  const body = `ip_port=${node.address}`
  const answer = await fetch(`${asked.url}/view`, { method, body, signal: AbortSignal.timeout(30_000) })
  const text = await answer.text()
  if (!text.includes('"Success"')) violation(`${method} /view at ${asked.name} was answered ${answer.status}: ${text}`)
}

/**
 * What is written at the others once they all know that a site was taken out does not reach it any more. What is
 * written there has to reach the others once it is added again, as all else.
 */
async function isAlone(context: SitesContext, node: SiteNode, others: readonly SiteNode[]): Promise<void> {
  const { workload, random, becomes, violation } = context
  for (const other of others) {
    const knows = async () => {
      const answer = await fetch(`${other.url}/view`, { signal: AbortSignal.timeout(5_000) })
      return !(await answer.text()).includes(node.address)
    }
    await becomes(`${other.name} knows that ${node.name} was taken out`, knows, 30)
  }
  const key = `marker ${markers++}`
  const { outcome } = await workload.put(random.pick(others), key)
  for (let writes = 0; writes < 20; writes++) {
    const answer = await workload.put(node, `alone ${writes % 5}`)
    if (answer.outcome !== 'ok') violation(`${node.name} was taken out, and answered ${answer.status} to a write`)
  }
  const shows = async (one: SiteNode) => {
    const path = `/v1/${encodeURIComponent(key)}`
    return (await fetch(`${one.url}${path}`, { signal: AbortSignal.timeout(5_000) })).status === 200
  }
  if (outcome !== 'ok') return violation(`a write was not acknowledged while ${node.name} was taken out`)
  for (const other of others) await becomes(`${other.name} has what was written`, () => shows(other), 30)
  if (await shows(node)) violation(`${node.name} was taken out, and got what was written after that`)
}

export const memberDrills: readonly SitesDrill[] = [
  {
    name: 'sites-members',
    sentence: 'A fourth site is added under load, taken out, written to while it is alone, and added again.',
    needsContainers: true,
    shape: { sites: 3, nodes: 1, joining: true },
    fault: comeAndGo,
  },
]
