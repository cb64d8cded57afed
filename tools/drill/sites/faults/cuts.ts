import type { SentOperation } from '../../../sites-checker/operation.ts'
import { words } from '../../../sites-checker/operation.ts'
import type { SiteName } from '../site-names.ts'
import type { SitesContext, SitesDrill } from '../sites-drill.ts'
import type { CutKind } from '../sites-links.ts'

/** Long enough that a peer is taken for silent, which is after 5 s, or not. */
const shortest = 0.5
const longest = 7

/** A write is given up after this time where its key is written all the while, in milliseconds. */
const contendedMs = 3_000

/**
 * Where ways between sites fail, and nothing else, every write is taken, and every read that names no position is
 * answered. Finds what was refused all the same.
 */
export function refusedInVain(operations: readonly SentOperation[]): string[] {
  return operations.flatMap((operation) => {
    const { kind, outcome, error, token, condition, invoked, returned, status } = operation
    if (outcome === 'ok' || outcome === 'torn' || status === 412) return []
    if (kind === 'get' && token && error === 'behind') return []
    if (error === 'not_stored' && (token ?? condition) && returned - invoked >= contendedMs) return []
    return [`${words(operation)} was refused (${error}), and nothing was wrong with its site`]
  })
}

/** Cuts each pair of sites in turn, then each site off from both others, from both sides. */
async function cutAll(context: SitesContext): Promise<void> {
  const { stack } = context
  const [a, b, c] = stack.sites as [SiteName, SiteName, SiteName]
  const pairs: [SiteName, SiteName][] = [
    [a, b],
    [a, c],
    [b, c],
  ]
  for (const [one, other] of shuffled(context, pairs)) await cut(context, [one], [other], 'packets')
  const alone = context.random.pick([a, b, c])
  const others = stack.sites.filter((site) => site !== alone)
  await cut(context, [alone], others, 'packets')
}

/** Cuts one way of a pair of sites, and then one way between a site and both others. */
async function cutOneWay(context: SitesContext): Promise<void> {
  const { stack, random } = context
  const kind = random.pick(['packets one way', 'connections one way'] as const)
  const [one, other, third] = shuffled(context, stack.sites) as [SiteName, SiteName, SiteName]
  await cut(context, [one], [other], kind)
  const otherKind = kind === 'packets one way' ? 'connections one way' : 'packets one way'
  if (random.chance(0.5)) await cut(context, [one], [other, third], otherKind)
  else await cut(context, [other, third], [one], otherKind)
}

export async function cut(
  { stack, pause, lasting }: SitesContext,
  from: readonly SiteName[],
  to: readonly SiteName[],
  kind: CutKind,
): Promise<void> {
  await lasting(`${kind}: ${from.join(' ')} to ${to.join(' ')}`, async () => {
    const heal = await stack.links.cut(from, to, kind)
    await pause(shortest, longest)
    await heal()
  })
  await pause(0, 1.5)
}

export function shuffled<T>({ random }: Pick<SitesContext, 'random'>, list: readonly T[]): T[] {
  return list
    .map((one) => ({ one, place: random.next() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ one }) => one)
}

export const cutDrills: readonly SitesDrill[] = [
  {
    name: 'sites-cut',
    sentence: 'Each pair of three sites is cut, and then one site off from both others; packets vanish both ways.',
    needsContainers: true,
    shape: { sites: 3, nodes: 1 },
    lifetimes: 0.1,
    fault: cutAll,
    expects: refusedInVain,
  },
  {
    name: 'sites-one-way',
    sentence: 'Between three sites packets vanish one way, or connections can be opened from one side alone.',
    needsContainers: true,
    shape: { sites: 3, nodes: 1 },
    fault: cutOneWay,
    expects: refusedInVain,
  },
]
