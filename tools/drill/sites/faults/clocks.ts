import type { SitesContext, SitesDrill } from '../sites-drill.ts'
import { cut, shuffled } from './cuts.ts'

const hour = 3_600

/** The clock of one site's Postgres goes hours ahead, that of another one hours behind; both change while all run. */
async function skew(context: SitesContext): Promise<void> {
  const { stack, random, pause, lasting } = context
  const [ahead, behind, right] = shuffled(context, stack.sites)
  if (ahead === undefined || behind === undefined || right === undefined) throw new Error('this takes three sites')
  const [forth, back] = [random.integer(1, 12) * hour, -random.integer(1, 12) * hour]
  await lasting(`${ahead} +${forth} s, ${behind} ${back} s`, async () => {
    await stack.setClock(ahead, forth)
    await stack.setClock(behind, back)
    await pause(1, 4)
    await stack.setClock(ahead, forth + random.integer(-hour, hour))
    if (random.chance(0.5)) await cut(context, [ahead], [behind], 'packets')
    await pause(1, 3)
  })
  // The other way round, in one jump
  await lasting(`${ahead} ${back} s, ${behind} +${forth} s`, async () => {
    await stack.setClock(ahead, back)
    await stack.setClock(behind, forth)
    await pause(1, 4)
  })
  for (const site of stack.sites) await stack.setClock(site, 0)
  await pause(0.5, 2)
}

export const clockedSitesDrills: readonly SitesDrill[] = [
  {
    name: 'sites-clocks',
    sentence: 'The clock of one site’s Postgres is hours ahead, that of another hours behind, and both jump.',
    needsContainers: true,
    shape: { sites: 3, nodes: 1, clocks: true },
    fault: skew,
  },
]
