import { expect, test } from 'vitest'
import type { Entry } from '../../../../kvs/core/entry.ts'
import { type Position, sequenceIn } from '../../../../kvs/core/position.ts'
import { type Compared, compareWith } from '../../../../kvs/sites/digests/comparison.ts'
import { makeOwnDigests } from '../../../../kvs/sites/digests/own-digests.ts'
import type { OwnSite, PeerClient } from '../../../../kvs/sites/index.ts'
import { makeView } from '../../../../kvs/view/index.ts'
import { makeSeededRandom } from '../../../../tools/lab/seeded-random.ts'
import { makeServiceRandom } from '../../../../tools/simulator/virtual-clock.ts'
import { clientOf, makeOwnSite } from '../fixtures.ts'

type Change = Partial<Pick<Entry, 'stamp' | 'origin'>> & { readonly write: Entry['write'] }

const put = (key: string, value = 'v', more: { contentType?: string; deadline?: number } = {}): Entry['write'] => ({
  ...{ kind: 'put', key, value: Buffer.from(value), contentType: undefined, deadline: undefined },
  ...more,
})

/** A site whose view a test fills by hand, and that has all that is waited for. */
function makeSite(logId: string) {
  const view = makeView({ logId, ranks: true })
  let sequence = 0n
  let readings = 0
  let isReading = false
  let mostAtOnce = 0
  const waited: Position[] = []
  /** Called where the site waits for a position. */
  let onWait: () => void = () => undefined
  const site: OwnSite = {
    ...makeOwnSite().site,
    logId: () => logId,
    seen: () => view.seen,
    puts: () => view,
    async waitFor(position) {
      waited.push(position)
      onWait()
    },
    async inSlices(work) {
      readings++
      if (isReading) mostAtOnce++
      isReading = true
      while (!work.next().done) await Promise.resolve()
      isReading = false
    },
  }
  return {
    ...{ site, view, waited },
    own: makeOwnDigests({ site, isRemoved: () => false, stopping: new AbortController().signal }),
    get readings() {
      return { readings, mostAtOnce }
    },
    whileWaiting(act: () => void) {
      onWait = () => {
        onWait = () => undefined
        act()
      }
    },
    apply(...changes: readonly Change[]) {
      for (const { write, stamp = Number(sequence + 1n) * 1_000, origin } of changes) {
        sequence++
        const entry = { sequence, digest: Buffer.alloc(32), superseded: false, isOwn: false, recordedAt: 0, write }
        view.apply({ ...entry, stamp, origin })
      }
    },
  }
}

type Site = ReturnType<typeof makeSite>

const at = (sequence: number, logId = 'a') => ({ logId, sequence: BigInt(sequence) })

/** What a and b have in common; b has it from a. */
function applyAtBoth(a: Site, b: Site, ...writes: readonly Entry['write'][]): void {
  for (const write of writes) {
    a.apply({ write })
    const { sequence } = a.view.position
    b.apply({ write, stamp: Number(sequence) * 1_000, origin: { logId: 'a', sequence } })
  }
}

function clientTo({ own }: Site, asked: number[] = []): PeerClient {
  return {
    ...clientOf(() => Promise.reject(new Error('nothing is followed'))),
    askDigests: (seen) => own.read(seen),
    askUnlike(seen, fingerprints) {
      asked.push(fingerprints.length)
      return own.compare(seen, fingerprints)
    },
  }
}

const compare = (from: Site, to: Site, seed = 1, asked: number[] = []): Promise<Compared> => {
  const random = makeServiceRandom(makeSeededRandom(seed, 'comparison'))
  return compareWith({ ...from, random }, clientTo(to, asked), new AbortController().signal)
}

const keysOf = ({ differing }: Compared) => differing.map(({ key }) => key).toSorted()

function makeTwo() {
  const [a, b] = [makeSite('a'), makeSite('b')]
  applyAtBoth(a, b, ...Array.from({ length: 300 }, (_, index) => put(`k${index}`, `v${index}`)))
  return { a, b }
}

test('sites with the same values have equal buckets, and nothing is asked about a key', async () => {
  const { a, b } = makeTwo()
  applyAtBoth(a, b, put('ends', 'x', { deadline: 5_000, contentType: 'text/plain' }), { kind: 'delete', key: 'k7' })
  const asked: number[] = []
  expect((await compare(a, b, 1, asked)).unequal.size).toBe(0)
  expect((await compare(b, a, 1, asked)).unequal.size).toBe(0)
  expect(asked).toEqual([])
})

const shared = { stamp: 1_000_000, origin: at(301) }
test.each<[what: string, atA: Change[], atB: Change[], a: string[], b: string[]]>([
  [
    'another value',
    [{ ...shared, origin: undefined, write: put('x', 'one') }],
    [{ ...shared, write: put('x', 'two') }],
    ['x'],
    ['x'],
  ],
  [
    'another type',
    [{ ...shared, origin: undefined, write: put('x') }],
    [{ ...shared, write: put('x', 'v', { contentType: 'a/b' }) }],
    ['x'],
    ['x'],
  ],
  [
    'another deadline',
    [{ ...shared, origin: undefined, write: put('x') }],
    [{ ...shared, write: put('x', 'v', { deadline: 9 }) }],
    ['x'],
    ['x'],
  ],
  ['a value that is not there', [{ write: put('x') }], [{ write: put('y'), origin: at(301) }], ['x'], ['y']],
  ['an older value', [{ write: put('k1', 'new') }], [{ write: put('y'), origin: at(301) }], ['k1'], ['k1', 'y']],
  [
    'a delete that one lacks',
    [{ write: { kind: 'delete', key: 'k1' } }],
    [{ write: put('y'), origin: at(301) }],
    [],
    ['k1', 'y'],
  ],
])('a key that differs is found: %s', async (_, atA, atB, byA, byB) => {
  const { a, b } = makeTwo()
  a.apply(...atA)
  b.apply(...atB)
  expect(keysOf(await compare(a, b))).toEqual(byA)
  expect(keysOf(await compare(b, a))).toEqual(byB)
})

test('what comes over while it is compared is no difference', async () => {
  const { a, b } = makeTwo()
  a.apply({ write: put('k1', 'new') }, { write: { kind: 'delete', key: 'k2' } }, { write: put('k3', 'new') })
  b.whileWaiting(() => {
    b.apply({ write: put('k1', 'new'), stamp: 301_000, origin: at(301) })
    b.apply({ write: { kind: 'delete', key: 'k2' }, stamp: 302_000, origin: at(302) })
    b.apply({ write: put('k3', 'new'), stamp: 303_000, origin: at(303) })
    // The other site has written a key anew, and deleted another one.
    b.apply({ write: put('k4', 'b'), stamp: 400_000 }, { write: { kind: 'delete', key: 'k5' }, stamp: 401_000 })
  })
  a.whileWaiting(() => {
    a.apply({ write: put('k4', 'b'), stamp: 400_000, origin: at(304, 'b') })
    a.apply({ write: { kind: 'delete', key: 'k5' }, stamp: 401_000, origin: at(305, 'b') })
  })
  const { unequal, differing } = await compare(a, b)
  expect([unequal.size, differing]).toEqual([2, []])
  expect(b.waited.every((position) => sequenceIn(position, 'a') === 303n)).toBe(true)
  expect(a.waited.map((position) => sequenceIn(position, 'b'))).toEqual([305n])
})

test('a comparison has bounds: what is left has its turn at another one', async () => {
  const [a, b] = [makeSite('a'), makeSite('b')]
  applyAtBoth(a, b, ...Array.from({ length: 12_000 }, (_, index) => put(`k${index}`)))
  a.apply(...Array.from({ length: 12_000 }, (_, index) => ({ write: put(`k${index}`, 'new') })))
  b.apply({ write: put('k0'), origin: at(24_000) })
  const found = new Set<string>()
  for (let seed = 1; seed <= 3; seed++) {
    const asked: number[] = []
    const compared = await compare(a, b, seed, asked)
    expect(compared.unequal.size).toBe(1_024)
    expect(compared.whole.size).toBe(64)
    expect(Math.max(...asked)).toBeLessThanOrEqual(500)
    expect(compared.differing.length).toBeGreaterThan(500)
    for (const key of keysOf(compared)) found.add(key)
  }
  expect(found.size).toBeGreaterThan(1_200)
})

test('the view is read once at a time, and those who ask meanwhile share the next reading', async () => {
  const { b } = makeTwo()
  const all = await Promise.all(Array.from({ length: 20 }, () => b.own.read(b.view.seen)))
  expect(new Set(all.map((texts) => texts.join())).size).toBe(1)
  expect(b.readings.readings).toBeLessThanOrEqual(2)
  expect(b.readings.mostAtOnce).toBe(0)
})
