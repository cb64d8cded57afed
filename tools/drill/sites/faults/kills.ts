import { postgresOf, type SiteName, type SiteService } from '../site-names.ts'
import type { SitesContext, SitesDrill } from '../sites-drill.ts'
import { shuffled } from './cuts.ts'

/** Kills each node and each Postgres once, in some order, and then a whole site. */
async function killEach(context: SitesContext): Promise<void> {
  const { stack, random } = context
  const services = stack.sites.flatMap((site) => stack.servicesOf(site))
  for (const service of shuffled(context, services)) await killFor(context, [service], 3)
  await killSite(context, random.pick(stack.sites))
}

export async function killSite(context: SitesContext, site: SiteName): Promise<void> {
  await killFor(context, context.stack.servicesOf(site), 6)
}

/** SIGKILL to all of them at once, and a start after up to so many seconds. */
export async function killFor(context: SitesContext, services: readonly SiteService[], most: number): Promise<void> {
  const { stack, random, pause, lasting } = context
  await lasting(`kill ${services.join(' ')}`, async () => {
    await stack.kill(...services)
    if (random.chance(0.8)) await pause(0, most)
    await stack.start(...services)
  })
  await pause(0.5, 2)
}

/** The site is down while much is written at the others. */
async function awayForLong(context: SitesContext): Promise<void> {
  const { stack, workload, random, lasting, becomes, note, violation } = context
  const away = random.pick(stack.sites)
  const others = stack.nodes.filter(({ site }) => site !== away)
  await lasting(`site ${away} down`, async () => {
    await workload.close(away)
    await stack.kill(...stack.servicesOf(away))
    const stored = await workload.fill(others, bulk.writes, bulk.keys)
    if (stored < bulk.writes) violation(`of ${bulk.writes} writes ${stored} were acknowledged while a site was down`)
    await stack.start(postgresOf(away))
    await stack.start(...stack.servicesOf(away))
  })
  const began = performance.now()
  const last = await workload.put(others[0] ?? fail(), 'after')
  const back = stack.nodes.filter(({ site }) => site === away)
  for (const { name, url } of back) {
    const hasCaughtUp = async () => {
      const answer = await fetch(`${url}/v1/after`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
      return answer?.status === 200 && (await answer.text()).includes(` ${last.value} `)
    }
    await becomes(`${name} has what was written while it was down`, hasCaughtUp, 180)
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  note(`site ${away} had ${bulk.writes.toLocaleString('en-US')} writes ${seconds} s after its start`)
  workload.open(away)
}

const bulk = { writes: 50_000, keys: 500 }

function fail(): never {
  throw new Error('there is no other site')
}

export const killDrills: readonly SitesDrill[] = [
  {
    name: 'sites-kill',
    sentence: 'Each node and each Postgres of three sites is killed with SIGKILL and started, then a whole site.',
    needsContainers: true,
    shape: { sites: 3, nodes: 1 },
    lifetimes: 0.1,
    fault: killEach,
  },
  {
    name: 'sites-long',
    sentence: 'One of three sites is down while 50,000 writes land at the others, and comes back.',
    needsContainers: true,
    shape: { sites: 3, nodes: 1 },
    fault: awayForLong,
  },
]
