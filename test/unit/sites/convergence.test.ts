import { expect, test } from 'vitest'
import { KvsError } from '../../../kvs/core/errors.ts'
import { nowhere, parsePosition } from '../../../kvs/core/position.ts'
import { joinPositions } from '../../../kvs/http/api/freshness.ts'
import type { MemoryServer } from '../../../kvs/log/memory/index.ts'
import { makeSitesWorld, type WorldNode } from './sites-world.ts'

/** A write of the history: what its client had seen, and what it did to its key. Its index is its value. */
interface Done {
  readonly key: string
  readonly isDelete: boolean
  readonly past: ReadonlySet<number>
}

interface Client {
  token: string
  known: Set<number>
}

const keys = ['k0', 'k1', 'k2', 'k3']

/**
 * Clients that go from site to site with their positions, while ways are cut, logs lose their connections, and nodes
 * are killed, stand still, and come back.
 */
async function runHistory(seed: number, { sites = 2, nodesEach = 2, steps = 120 } = {}) {
  const world = makeSitesWorld(sites, seed)
  const { random, servers } = world
  const history: Done[] = []
  const nodes: WorldNode[] = []
  const clients: Client[] = Array.from({ length: 3 }, () => ({ token: '', known: new Set<number>() }))
  const places = Array.from({ length: sites * nodesEach }, (_, index) => [index % sites, Math.floor(index / sites)])
  const addresses = places.map(([site, number]) => `${site}.${number}`)
  const pick = <T>(from: readonly T[]): T => from[random.integer(0, from.length - 1)] as T

  async function start(place: number) {
    const [site = 0, number = 0] = places[place] ?? []
    const peers = addresses.filter((address) => !address.startsWith(`${site}.`))
    nodes[place] = await world.start(site, number, peers)
  }

  /** Undefined where the node refuses. */
  async function asked<T>(act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await world.settled(act())
    } catch (error) {
      if (error instanceof KvsError) return undefined
      throw error
    }
  }

  const positionOf = ({ token }: Client) => parsePosition(token) ?? nowhere
  const noteToken = (client: Client, node: WorldNode, key: string) => {
    client.token = joinPositions([node.store.position(key), client.token].filter((text) => text !== ''))
  }

  async function write(client: Client, node: WorldNode): Promise<void> {
    const key = pick(keys)
    const isDelete = random.chance(0.25)
    const number = history.push({ key, isDelete, past: new Set(client.known) }) - 1
    await asked(async () => {
      const after = client.token === '' ? undefined : await node.store.dependencyOn(positionOf(client))
      const value = Buffer.from(`${number}`)
      await node.store.write({
        ...(isDelete
          ? { kind: 'delete', key }
          : { kind: 'put', key, value, contentType: undefined, deadline: undefined }),
        ...(after && { after }),
      } as Parameters<typeof node.store.write>[0])
      noteToken(client, node, key)
      client.known.add(number)
    })
  }

  async function read(client: Client, node: WorldNode): Promise<void> {
    const key = pick(keys)
    await asked(async () => {
      if (client.token !== '') await node.store.waitFor(positionOf(client), key)
      const text = node.store.get(key)?.value.toString()
      noteToken(client, node, key)
      const found = text === undefined ? undefined : Number(text)
      expectCausal(history, client.known, key, found)
      if (found === undefined) return
      client.known.add(found)
      for (const earlier of history[found]?.past ?? []) client.known.add(earlier)
    })
  }

  for (const place of places.keys()) await start(place)
  await world.until('all serve', () => nodes.every(({ isServing }) => isServing))
  const paused = new Set<number>()
  for (let step = 0; step < steps; step++) {
    const place = random.integer(0, places.length - 1)
    const node = nodes[place] as WorldNode
    const chance = random.next()
    if (chance < 0.05) world.cut(random.integer(0, sites - 1), random.integer(0, sites - 1))
    else if (chance < 0.09) world.heal()
    else if (chance < 0.12) {
      node.kill()
      paused.delete(place)
      await start(place)
    } else if (chance < 0.14) servers[node.site]?.endSessions()
    else if (chance < 0.16 && paused.size === 0) {
      node.pause()
      paused.add(place)
      // The server gives up on it, so that another one leads.
      servers[node.site]?.endSessions()
    } else if (chance < 0.2) {
      for (const one of paused) nodes[one]?.resume()
      paused.clear()
    } else if (chance < 0.35) await world.pass(random.integer(1, 1_500))
    else if (!paused.has(place) && node.isServing) {
      await (chance < 0.65 ? read : write)(pick(clients), node)
    }
  }
  for (const one of paused) nodes[one]?.resume()
  world.heal()
  const countOf = (server: MemoryServer) =>
    new Set(entriesOf(server).map(({ origin, sequence }) => `${origin}@${sequence}`)).size
  await world.until(
    'all logs have the same',
    () => new Set(servers.map((server) => countOf(server))).size === 1 && new Set(servers.map(foldOf)).size === 1,
  )
  await world.until('all views have the same', () => nodes.every((node) => shownBy(node) === foldedValues(servers[0])))
  for (const server of servers) {
    expect(foldOf(server)).toBe(newestOf(servers))
    expectPrefixes(server, servers)
  }
  return { history, servers, world }
}

/** What a client may read of a key: nothing that was overwritten by what it knows. */
function expectCausal(history: readonly Done[], known: ReadonlySet<number>, key: string, found: number | undefined) {
  const knownOfKey = [...known].filter((one) => history[one]?.key === key)
  const isOverwritten = (one: number) => knownOfKey.some((later) => later !== one && history[later]?.past.has(one))
  if (found !== undefined) {
    expect(isOverwritten(found), `${key} is ${found}, which was overwritten; the client knows ${knownOfKey}`).toBe(
      false,
    )
    return
  }
  const deletes = history.flatMap((done, index) => (done.key === key && done.isDelete ? [index] : []))
  if (knownOfKey.length > 0)
    expect(
      deletes.some((one) => !isOverwritten(one)),
      `${key} is gone`,
    ).toBe(true)
}

const isNewer = (one: Newest, other: Newest) =>
  one.stamp !== other.stamp
    ? one.stamp > other.stamp
    : one.origin !== other.origin
      ? one.origin > other.origin
      : one.sequence > other.sequence

interface Newest {
  readonly stamp: number
  readonly origin: string
  readonly sequence: bigint
  readonly value: string | undefined
}

function entriesOf({ logId, entries }: MemoryServer) {
  return entries.map((entry) => ({
    ...{ key: entry.key, superseded: entry.superseded, stamp: entry.stamp, value: entry.value?.toString() },
    origin: entry.origin?.logId ?? logId,
    sequence: entry.origin?.sequence ?? entry.sequence,
  }))
}

const textOf = (newest: ReadonlyMap<string, Newest>) =>
  JSON.stringify([...newest].toSorted(), (_, value) => (typeof value === 'bigint' ? `${value}` : value))

/** The last entry of each key in a log that is not superseded. */
function foldOf(server: MemoryServer): string {
  const newest = new Map<string, Newest>()
  for (const { key, superseded, ...entry } of entriesOf(server)) if (!superseded) newest.set(key, entry)
  return textOf(newest)
}

/** The newest entry of each key in any log, by its rank. */
function newestOf(servers: readonly MemoryServer[]): string {
  const newest = new Map<string, Newest>()
  for (const { key, superseded, ...entry } of servers.flatMap(entriesOf)) {
    const before = newest.get(key)
    if (before === undefined || isNewer(entry, before)) newest.set(key, entry)
  }
  return textOf(newest)
}

/** A log has each entry of the others once, in their order, and all of them. */
function expectPrefixes(server: MemoryServer, servers: readonly MemoryServer[]): void {
  const taken = entriesOf(server)
  for (const other of servers) {
    const own = entriesOf(other).filter(({ origin }) => origin === other.logId)
    const here = taken.filter(({ origin }) => origin === other.logId)
    expect(here.map(({ sequence }) => sequence)).toEqual(own.map(({ sequence }) => sequence))
  }
}

function shownBy({ store }: WorldNode): string {
  return JSON.stringify(
    keys.map((key) => (store.status().state === 'serving' ? store.get(key)?.value.toString() : '?')),
  )
}

function foldedValues(server: MemoryServer | undefined): string {
  const newest = new Map<string, string | undefined>()
  for (const { key, superseded, value } of server ? entriesOf(server) : []) if (!superseded) newest.set(key, value)
  return JSON.stringify(keys.map((key) => newest.get(key)))
}

const seeds = Array.from(
  { length: Number(process.env.SEEDS ?? 20) },
  (_, index) => index + Number(process.env.FIRST_SEED ?? 1),
)

test.each(seeds)(
  'two sites come to the same, and no client reads what it knows to be overwritten: seed %i',
  async (seed) => {
    const { history } = await runHistory(seed)
    expect(history.length).toBeGreaterThan(10)
  },
)

test.each(seeds.slice(0, Math.ceil(seeds.length / 2)))('three sites do as well: seed %i', async (seed) => {
  await runHistory(seed, { sites: 3, nodesEach: 1 })
})
