import { expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { startSites, type Site } from './sites.ts'

const put = ({ ask }: Site, key: string, body: string, position?: string, number?: number) =>
  ask({ method: 'PUT', path: `/v1/${key}`, body, headers: after(position) }, number)
const get = ({ ask }: Site, key: string, position?: string, number?: number) =>
  ask({ path: `/v1/${key}`, headers: after(position) }, number)
const remove = ({ ask }: Site, key: string, position?: string) =>
  ask({ method: 'DELETE', path: `/v1/${key}`, headers: after(position) })
const after = (position?: string): Record<string, string> =>
  position === undefined ? {} : { 'KVS-Min-Position': position }
const tokenOf = (answer: { headers: Readonly<Record<string, string | undefined>> }) =>
  answer.headers['kvs-position'] ?? ''

test('what is written at one site is read at the others, also a delete, by whoever passes its position at once', async () => {
  const { sites, converged } = await startSites(3)
  const [a, b, c] = sites as [Site, Site, Site]
  const written = await put(a, 'k', 'from a')
  expect(written.status).toBe(201)
  expect((await get(b, 'k', tokenOf(written))).body).toBe('from a')
  const overwritten = await put(b, 'k', 'from b', tokenOf(written))
  expect((await get(c, 'k', tokenOf(overwritten))).body).toBe('from b')
  expect((await get(a, 'k', tokenOf(overwritten))).body).toBe('from b')
  const removed = await remove(c, 'k', tokenOf(overwritten))
  expect((await get(a, 'k', tokenOf(removed))).status).toBe(404)
  expect((await get(b, 'k', tokenOf(removed))).status).toBe(404)
  await converged()
})

test('cut off, each site takes writes; a write that depends on what is missing wins once that arrives', async () => {
  const { sites, cut, heal, converged } = await startSites(2)
  const [a, b] = sites as [Site, Site]
  await put(a, 'before', 'x')
  await until('b has it', async () => (await get(b, 'before')).status === 200)
  cut(0, 1)
  cut(1, 0)
  const zero = await put(a, 'X', 'Zero')
  const one = await put(b, 'X', 'One', tokenOf(zero))
  expect(one.status).toBe(201)
  // What b has of it was written with all of the token in its past.
  expect((await get(b, 'X', tokenOf(one))).body).toBe('One')
  const other = await put(b, 'Y', 'Two', tokenOf(one))
  expect((await get(b, 'Y', tokenOf(other))).body).toBe('Two')
  // a lacks what the client has seen, and says so.
  expect((await get(a, 'X', tokenOf(other))).status).toBe(503)
  // A key of which b knows nothing newer than the token
  expect((await get(b, 'before', tokenOf(other))).status).toBe(503)
  heal()
  await converged()
  for (const site of sites) expect((await get(site, 'X', tokenOf(other))).body).toBe('One')
})

test('writes of both sides of a cut come to one value, and a delete is not undone by an older write', async () => {
  const { sites, cut, heal, converged } = await startSites(2)
  const [a, b] = sites as [Site, Site]
  cut(0, 1)
  cut(1, 0)
  await put(a, 'both', 'a')
  await put(b, 'both', 'b')
  await put(a, 'gone', 'older')
  await put(b, 'gone', 'newer')
  await remove(b, 'gone')
  heal()
  await converged()
  for (const site of sites) {
    expect((await get(site, 'both')).body).toBe('b')
    expect((await get(site, 'gone')).status).toBe(404)
  }
})

test('any node of a site serves its peers and follows them, whoever is killed', async () => {
  const { sites, converged } = await startSites(2, { nodesEach: 2 })
  const [a, b] = sites as [Site, Site]
  for (const victim of [0, 1]) {
    for (const site of sites) site.nodes[victim]?.kill('SIGKILL')
    await Promise.all(sites.map((site) => site.nodes[victim]?.ended))
    const other = 1 - victim
    const written = await put(a, `k${victim}`, 'x', undefined, other)
    await until('b has it', async () => (await get(b, `k${victim}`, tokenOf(written), other)).status === 200)
    for (const site of sites) await site.start(victim)
  }
  await converged()
})

test('a site that was down has all in the end, and a log that was none before becomes one', async () => {
  const { sites, converged } = await startSites(2)
  const [a, b] = sites as [Site, Site]
  b.nodes[0]?.kill('SIGKILL')
  await b.nodes[0]?.ended
  for (let number = 0; number < 300; number++) await put(a, `k${number % 200}`, `v${number}`)
  for (let number = 0; number < 200; number += 2) await remove(a, `k${number}`)
  await b.start(0)
  await converged()
  expect((await get(b, 'k1')).body).toBe('v201')
  expect((await get(b, 'k0')).status).toBe(404)
})
