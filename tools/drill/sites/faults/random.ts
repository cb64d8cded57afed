import { stopNode } from '../../stopping.ts'
import { postgresOf, type SiteName, type SiteService } from '../site-names.ts'
import type { SitesContext, SitesDrill } from '../sites-drill.ts'
import { killFor, killSite } from './kills.ts'

/** Settings with which a fault of a few seconds is noticed. */
const env = { POSTGRES_TIMEOUT: '2s', KVS_APPEND_TIMEOUT: '3s' }

type RandomFault = (context: SitesContext) => Promise<void>

const killNode: RandomFault = (context) => killFor(context, [context.random.pick(context.stack.nodes).name], 4)
const killPostgres: RandomFault = (context) => killFor(context, [postgresOf(oneSite(context))], 5)
const killWhole: RandomFault = (context) => killSite(context, oneSite(context))

/** Both nodes of a site, so that nobody leads it. */
const killNodes: RandomFault = (context) => {
  const site = oneSite(context)
  return killFor(
    context,
    context.stack.servicesOf(site).filter((service) => service !== postgresOf(site)),
    4,
  )
}

const cutSites: RandomFault = async ({ stack, random, pause, lasting }) => {
  const [one, other] = twoSites({ stack, random })
  const kind = random.pick(['packets', 'packets', 'packets one way', 'connections one way'] as const)
  const longest = random.pick([3, 8, 20])
  await lasting(`${kind}: ${one} to ${other}`, async () => {
    const heal = await stack.links.cut([one], [other], kind)
    await pause(0.5, longest)
    await heal()
  })
}

const cutNodes: RandomFault = async ({ stack, random, pause, lasting }) => {
  const [one, other] = twoSites({ stack, random })
  const from = random.pick(stack.nodes.filter(({ site }) => site === one)).name
  const to = random.pick(stack.nodes.filter(({ site }) => site === other)).name
  const kind = random.pick(['packets', 'packets one way', 'connections one way'] as const)
  await lasting(`${kind}: ${from} to ${to}`, async () => {
    const heal = await stack.links.cutNodes(from, to, kind)
    await pause(0.5, 12)
    await heal()
  })
}

const cutPostgres: RandomFault = async ({ stack, random, pause, lasting }) => {
  const { name } = random.pick(stack.nodes)
  const way = random.pick(['reset', 'drop'] as const)
  await lasting(`${way}: ${name} to Postgres`, async () => {
    const heal = await stack.links.cutPostgres(name, way)
    await pause(0.5, 6)
    await heal()
  })
}

const freeze: RandomFault = async ({ stack, random, pause, lasting }) => {
  const service: SiteService = random.pick([random.pick(stack.nodes).name, postgresOf(random.pick(stack.sites))])
  await lasting(`pause ${service}`, async () => {
    await stack.pause(service)
    await pause(0.2, 5)
    await stack.resume(service)
  })
}

const restart: RandomFault = async ({ stack, random, pause, lasting, violation }) => {
  const node = random.pick(stack.nodes)
  const { name } = node
  await lasting(`restart ${name}`, async () => {
    const flaw = await stopNode(node, () => stack.stop(name))
    if (flaw) violation(flaw)
    await pause(0, 1)
    await stack.start(name)
  })
}

const kills: readonly RandomFault[] = [killNode, killNode, killPostgres, killPostgres, killNodes, killWhole]
const others: readonly RandomFault[] = [cutSites, cutSites, cutNodes, cutPostgres, freeze]

const oneSite = ({ stack, random }: Pick<SitesContext, 'stack' | 'random'>): SiteName => random.pick(stack.sites)

function twoSites(context: Pick<SitesContext, 'stack' | 'random'>): [SiteName, SiteName] {
  const one = oneSite(context)
  return [one, context.random.pick(context.stack.sites.filter((site) => site !== one))]
}

/** One fault, or a process that is killed while a way is cut: no process is killed twice at once. */
async function anyFault(context: SitesContext): Promise<void> {
  const { random } = context
  const dice = random.next()
  if (dice < 0.1) return restart(context)
  if (dice < 0.4) return random.pick(kills)(context)
  if (dice < 0.6) return random.pick(others)(context)
  const [own, other] = [random.fork(`kill ${dice}`), random.fork(`other ${dice}`)]
  await Promise.all([
    random.pick(kills)(context.withRandom(own)),
    random.pick([cutSites, cutNodes, cutPostgres])(context.withRandom(other)),
  ])
}

export const randomSitesDrills: readonly SitesDrill[] = [
  {
    name: 'sites-random',
    sentence: 'Two sites with two nodes each: any process is killed, frozen or restarted, any way is cut, at random.',
    needsContainers: true,
    shape: { sites: 2, nodes: 2, env },
    lifetimes: 0.05,
    fault: anyFault,
  },
]
