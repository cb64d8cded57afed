import { expect, test } from 'vitest'
import { byForce } from '../../support/database.ts'
import { until } from '../../support/until.ts'
import { backUp, killNode } from './backups.ts'
import { get, put, remove } from './requests.ts'
import { type Site, startSites } from './sites.ts'

const env = { KVS_DIGEST_INTERVAL: '300ms' }

interface Comparison {
  readonly age: number
  readonly differing: number
  readonly examples: readonly string[]
}

/** What a site says of its comparisons with the others; null for one that there was none with. */
async function comparisonsOf(site: Site): Promise<readonly (Comparison | null)[]> {
  const { body } = await site.ask({ path: '/readyz' })
  const status = JSON.parse(body) as { sites: { peers: { comparison: Comparison | null }[] } }
  return status.sites.peers.map(({ comparison }) => comparison)
}

async function examplesOf(site: Site): Promise<string[]> {
  const keys = (await comparisonsOf(site)).flatMap((comparison) => comparison?.examples ?? [])
  return [...new Set(keys)].toSorted()
}

const isCompared = async (site: Site) => (await comparisonsOf(site)).every((comparison) => comparison !== null)

test('a log that was restored and written on makes sites differ, which they say; values written anew end that', async () => {
  const { sites, cut, heal } = await startSites(3, { env })
  const [a, b, c] = sites as [Site, Site, Site]
  const has = (site: Site, key: string) => async () => (await get(site, key)).status === 200
  await put(a, 'before', 'x')
  await put(a, 'deleted', 'x')
  for (const site of [b, c]) await until('it has both', has(site, 'deleted'))
  for (const site of sites) await until('it has compared', () => isCompared(site))
  const restore = await backUp(a.database)

  // c takes over nothing of what is lost then.
  cut(2, 0)
  cut(2, 1)
  await put(a, 'lost', 'x')
  await put(a, 'both', 'lost')
  await remove(a, 'deleted')
  await until('b has it', async () => (await get(b, 'deleted')).status === 404)
  await killNode(a)
  await restore()
  await a.start(0)
  for (const key of ['both', 'other', 'more', 'most']) expect((await put(a, key, 'restored')).status).toBe(201)
  for (const site of [b, c]) expect(await examplesOf(site)).toEqual([])

  // From b it would take over what was lost, and refuse the log that was restored, as b does.
  heal()
  cut(2, 1)
  await until('c has it', has(c, 'most'))
  heal()
  await until('b names what it has', async () => (await examplesOf(b)).includes('lost'))
  await until('c names what it has', async () => (await examplesOf(c)).join() === 'both,deleted,more,other')
  expect((await get(c, 'lost')).status).toBe(404)
  expect((await b.ask({ path: '/readyz' })).status).toBe(200)
  expect((await b.ask({ path: '/metrics' })).body).toMatch(/^kvs_site_differing_keys\{peer="[^"]*"\} [1-9]/m)
  expect(b.nodes[0]?.output()).toMatch(/have different values of .* such as/)

  for (const key of ['lost', 'both', 'deleted', 'other', 'more', 'most']) await put(b, key, 'anew')
  for (const site of [b, c]) await until('nothing differs', async () => (await examplesOf(site)).length === 0)
  expect(b.nodes[0]?.output()).toMatch(/no key differs any more/)
})

test('a value that was changed by hand in one log is found, though it has the same stamp', async () => {
  const { sites, converged } = await startSites(2, { env })
  const [a, b] = sites as [Site, Site]
  await put(a, 'k', 'right')
  await put(a, 'other', 'right')
  await converged()
  await killNode(b)
  await b.database.sql(byForce(`UPDATE transactions SET value = 'wrong' WHERE key = 'k'`))
  await b.start(0)
  expect((await get(b, 'k')).body).toBe('wrong')
  for (const site of sites) await until('it names the key', async () => (await examplesOf(site)).join() === 'k')
})
