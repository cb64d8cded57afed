import fc from 'fast-check'
import { expect } from 'vitest'
import type { Entry, Write } from '../../../kvs/core/entry.ts'
import { isExpiry } from '../../../kvs/core/operation/operation.ts'
import { covers, type Position } from '../../../kvs/core/position.ts'
import { outranks, type Rank } from '../../../kvs/core/rank.ts'
import { makeView, type View } from '../../../kvs/view/view.ts'
import { entryOf, packed, put, remove } from '../../support/entries.ts'

export const siteIds = ['a', 'b', 'c'] as const
type SiteId = (typeof siteIds)[number]
export const keys = ['k', 'l', '__proto__', 'é'.repeat(512)]

/** Small, so that slabs fill, empty, and are compacted all the time. */
const slabBytes = 4096

/** A site that takes over the log of others, as replication does, with its view applied entry by entry. */
interface Site {
  readonly id: SiteId
  readonly log: Entry[]
  readonly view: View
  /** How far the log of each other site was read. */
  readonly read: Map<SiteId, number>
}

export const makeSites = (): readonly Site[] =>
  siteIds.map((id) => ({ id, log: [], view: makeView({ logId: id, ranks: true, slabBytes }), read: new Map() }))

const site = fc.nat(siteIds.length - 1)
const key = fc.constantFrom(...keys)
/** `clock` is what the site's clock says; `after` is the site that the client's token comes from. */
export const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('put' as const, 'delete' as const, 'expiry' as const),
      site,
      key,
      size: fc.nat(60),
      clock: fc.constantFrom(0, 0, 5, 2 ** 50),
      ends: fc.boolean(),
      after: fc.option(site, { nil: undefined, freq: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      site,
      from: site,
      most: fc.integer({ min: 1, max: 4 }),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type LocalWrite = Extract<Step, { readonly clock: number }>

const at = (sites: readonly Site[], index: number) => sites[index] as Site

export function take(sites: readonly Site[], step: Step): void {
  if (step.kind === 'read') takeOver(at(sites, step.site), at(sites, step.from), step.most)
  else writeAt(sites, step)
}

function writeAt(sites: readonly Site[], step: LocalWrite): void {
  const { log, view, id } = at(sites, step.site)
  const token = step.after === undefined ? undefined : at(sites, step.after).view.seen
  const after = token && !isCovered(view, token) ? token : undefined
  const stamp = Math.max(view.seen.stamp + 1, (after?.stamp ?? 0) + 1, step.clock)
  const lapses = step.kind === 'expiry' && view.get(step.key)?.deadline !== undefined
  const removal = { ...remove(step.key), ...(lapses ? { deadline: 7 } : { after }) }
  const value = Buffer.alloc(step.size, `${id}${log.length}`)
  const write: Write =
    step.kind === 'put' ? { ...put(step.key, value), after, deadline: step.ends ? 9 : undefined } : removal
  const entry = entryOf(BigInt(log.length + 1), write, {
    stamp: lapses ? (view.rankOf(step.key)?.stamp ?? 0) : stamp,
  })
  log.push(entry)
  view.apply(entry)
}

export function takeOver(to: Site, from: Site, most: number): void {
  if (to === from) return
  const start = to.read.get(from.id) ?? 0
  const entries = from.log.slice(start, start + most)
  to.read.set(from.id, start + entries.length)
  for (const one of entries) {
    const origin = one.origin ?? { logId: from.id, sequence: one.sequence }
    if (origin.sequence <= (to.view.seen.sequences.get(origin.logId) ?? 0n)) continue
    const newest = to.view.rankOf(one.write.key)
    const superseded = one.superseded || (newest !== undefined && outranks(newest, rankIn(from.id, one)))
    const entry = entryOf(BigInt(to.log.length + 1), one.write, { stamp: one.stamp, origin, superseded })
    to.log.push(entry)
    to.view.apply(entry)
  }
}

export function rankIn(logId: string, { stamp, origin, write }: Entry): Rank {
  return { stamp, isExpiry: isExpiry(write), origin: origin?.logId ?? logId }
}

/** The last entry of each key without `superseded`: what a checkpoint with tombstones has. */
export function newestOf(log: readonly Entry[]): Map<string, Entry> {
  return new Map(log.filter(({ superseded }) => !superseded).map((entry) => [entry.write.key, entry]))
}

/** Whether a view has seen all of a position; there is nothing to see at 0. */
function isCovered({ seen }: View, position: Position): boolean {
  const sequences = new Map([...siteIds.map((id): [string, bigint] => [id, 0n]), ...seen.sequences])
  return covers({ sequences, stamp: 0 }, position)
}

/** Expects the view of a site to be what its log says. */
export function expectFolded({ log, view, id }: Site): void {
  const newest = newestOf(log)
  const all = [...newest.values()]
  expect(view.size).toBe(all.filter(({ write }) => write.kind === 'put').length)
  expect(view.tombstones).toBe(all.length - view.size)
  const unmet = all.filter(({ write }) => write.after && !isCovered(view, write.after))
  expect(view.unmet).toBe(unmet.length)
  for (const key of keys) {
    const entry = newest.get(key)
    expect(view.rankOf(key)).toEqual(entry && rankIn(id, entry))
    expect(view.get(key)?.value).toEqual(entry?.write.kind === 'put' ? entry.write.value : undefined)
    expect(view.dependencyOf(key)).toEqual(unmet.find(({ write }) => write.key === key)?.write.after)
  }
  const own = log.findLast(({ origin }) => origin === undefined)
  const foreign = log.flatMap(({ origin }) => (origin ? [[origin.logId, origin.sequence] as const] : []))
  const sequences = new Map([[id, own?.sequence ?? 0n], ...foreign])
  expect(view.seen).toEqual({ sequences, stamp: Math.max(0, ...log.map(({ stamp }) => stamp)) })
}

/** A view of the same log, from a checkpoint through a sequence, and then in bulk. */
export function replay({ log, id }: Site, through: number): View {
  const view = makeView({ logId: id, ranks: true, slabBytes })
  const [folded, rest] = [log.slice(0, through), log.slice(through)]
  const last = folded.at(-1)
  if (last !== undefined) {
    const before = makeView({ logId: id, ranks: true })
    for (const entry of folded) before.apply(entry)
    for (const entry of newestOf(folded).values()) view.load(packed(entry))
    view.loaded({ sequence: last.sequence, digest: last.digest, position: before.seen })
  }
  for (const entry of rest) view.applyPacked(packed(entry))
  return view
}
