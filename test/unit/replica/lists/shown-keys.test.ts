import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { KeyRange } from '../../../../kvs/core/key-range.ts'
import { systemClock } from '../../../../kvs/lib/clock.ts'
import { systemRandom } from '../../../../kvs/lib/random.ts'
import type { OrderedKeys } from '../../../../kvs/order/index.ts'
import { makeHeldBatch } from '../../../../kvs/replica/append/held-batch.ts'
import { makeExpiry } from '../../../../kvs/replica/expiry/expiry.ts'
import { makeShownKeys } from '../../../../kvs/replica/lists/shown-keys.ts'
import { makeSlices } from '../../../../kvs/replica/lists/slices.ts'
import { makeMirror } from '../../../../kvs/replica/mirror.ts'
import { makeShown } from '../../../../kvs/replica/shown.ts'
import { openSpool } from '../../../../kvs/spool/index.ts'
import { put, remove, timeAt } from '../../../support/entries.ts'
import { makePagedLog } from '../paged-log.ts'
import { makeSpoolMemory } from '../spool-memory.ts'

const names = ['a', 'a/b', 'b', 'c', 'd', 'é', '\uffee', '😀']
const everything: readonly KeyRange[] = [{ from: Buffer.of(), to: undefined }]

/** The parts of a node that decide on what readers see, and the keys in order beside them, built by hand. */
async function makeParts() {
  const log = makePagedLog()
  const planned: (() => void)[] = []
  const spool = await openSpool({ storage: makeSpoolMemory(), maxBytes: 1e9 })
  const note = (key: string) => shownKeys.note(key)
  const mirror = makeMirror({
    onOthers: (entry) => spool.supersede(entry),
    onKey: note,
    hashSecret: Buffer.from('secret 1'),
  })
  const held = makeHeldBatch(systemClock, note)
  spool.onChange(note)
  const time = { now: timeAt(0) }
  const now = () => time.now
  const expiry = makeExpiry({
    ...{ mirror, spool, now, clock: systemClock, random: systemRandom },
    conditional: { add: () => Promise.reject(new Error('not here')) },
    mayAppend: () => false,
    onLapsed: (...key) => shownKeys.noteBytes(...key),
  })
  const copies = new Set<string>()
  const shown = makeShown({ mirror, spool, held, now, ring: { isCopy: (key) => copies.has(key) } })
  const slices = makeSlices({ clock: systemClock, sliceSteps: 1, pause: (next) => planned.push(next) })
  const shownKeys = makeShownKeys({ mirror, spool, shown, slices, lapse: expiry.lapse })
  await mirror.requireSamePast(log.session())
  const step = async () => {
    planned.shift()?.()
    await Promise.resolve()
  }
  return { log, spool, mirror, held, time, copies, shown, shownKeys, slices, planned, step }
}

type Parts = Awaited<ReturnType<typeof makeParts>>

/** What a list is to show now, by `get`, but for the copies. */
function seen({ shown, copies }: Parts): string[] {
  const keys = names.filter((key) => shown.get(key) !== undefined && !copies.has(key))
  return keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
}

function listed(keys: OrderedKeys, ranges: readonly KeyRange[], limit?: number): string[] {
  const snapshot = keys.snapshot()
  const list = snapshot.walk({ ranges, limit, delimiter: undefined }).take(100).map(String)
  snapshot.close()
  return list
}

const key = fc.constantFrom(...names)
const write = fc.oneof(
  key.map((name) => put(name)),
  fc.tuple(key, fc.integer({ min: 0, max: 30 })).map(([name, at]) => ({ ...put(name), deadline: timeAt(at) })),
  key.map((name) => remove(name)),
)
const writes = fc.array(write, { minLength: 1, maxLength: 3 })
const action = fc.oneof(
  writes.map((batch) => ({ does: 'append', batch }) as const),
  writes.map((batch) => ({ does: 'read others', batch }) as const),
  writes.map((batch) => ({ does: 'spool', batch }) as const),
  writes.map((batch) => ({ does: 'spool held', batch }) as const),
  writes.map((batch) => ({ does: 'hide', batch }) as const),
  fc.constant({ does: 'release' } as const),
  fc.constant({ does: 'drain' } as const),
  fc.integer({ min: 1, max: 8 }).map((ms) => ({ does: 'let time pass', ms }) as const),
  fc.constant({ does: 'hide landed' } as const),
  fc.array(key, { maxLength: 3 }).map((copies) => ({ does: 'own others', copies }) as const),
  fc.constant({ does: 'step' } as const),
  fc.constant({ does: 'step' } as const),
  fc.constant({ does: 'list' } as const),
  fc.integer({ min: 1, max: 4 }).map((count) => ({ does: 'list first', count }) as const),
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

async function act(parts: Parts, action: Action): Promise<void> {
  const { log, mirror, spool, held } = parts
  const position = { logId: 'cafe0123', ...mirror.view.position }
  switch (action.does) {
    case 'append':
      await mirror.append(log.session(), action.batch)
      break
    case 'read others':
      action.batch.forEach(log.add)
      await mirror.readThrough(log.session(), BigInt(log.entries.length))
      break
    case 'spool':
      await spool.add(spool.last + 1n, action.batch, position)
      held.overwrite(action.batch)
      break
    case 'spool held':
      held.hide(action.batch)
      await spool.add(spool.last + 1n, action.batch, position)
      break
    case 'hide':
      held.hide(action.batch)
      break
    case 'release':
      held.release()
      break
    case 'let time pass':
      parts.time.now += action.ms
      break
    case 'hide landed':
      spool.hide(spool.last)
      break
    case 'own others':
      ownAllBut(parts, action.copies)
      break
    case 'drain': {
      const oldest = await spool.oldest()
      await spool.remove(oldest.slice(0, 2), position)
      break
    }
    case 'step':
      await parts.step()
  }
}

/** As an entry on the ring does, by which the log owns other keys. */
function ownAllBut({ copies, shownKeys }: Parts, keys: readonly string[]): void {
  copies.clear()
  for (const key of keys) copies.add(key)
  shownKeys.drop()
}

/** Lists all keys or the first ones, and holds the list against `get` in the very step in which it is made. */
async function list(parts: Parts, count?: number): Promise<void> {
  const ranges = count === undefined ? everything : [{ from: Buffer.from('a/'), to: Buffer.from('\uffef') }]
  await parts.shownKeys.withKeys({ ranges, count }, (keys) => {
    const within = count === undefined ? seen(parts) : seen(parts).filter((name) => name > 'a/' && name !== '😀')
    expect(listed(keys, ranges, count)).toEqual(within.slice(0, count))
  })
}

/** Does what is planned until the promise is settled. Returns the number of steps. */
async function stepUntil(parts: Parts, promise: Promise<unknown>): Promise<number> {
  let isDone = false
  const done = promise.finally(() => {
    isDone = true
  })
  let steps = 0
  while (!isDone) {
    if (parts.planned.length === 0) await new Promise((resolve) => setImmediate(resolve))
    else {
      await parts.step()
      steps++
    }
  }
  await done
  return steps
}

test('a list shows what get shows, whatever happens before, during and after the build', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { size: '+1' }), async (actions) => {
      const parts = await makeParts()
      const lists: Promise<void>[] = []
      for (const action of actions) {
        if (action.does === 'list') lists.push(list(parts))
        else if (action.does === 'list first') lists.push(list(parts, action.count))
        else await act(parts, action)
      }
      lists.push(list(parts))
      await stepUntil(parts, Promise.all(lists))
    }),
    { numRuns: 300 },
  )
}, 120_000)

test('a value whose deadline has passed for readers alone is listed again once an entry of before has replaced it', async () => {
  for (const deadline of [undefined, timeAt(1_000)]) {
    const parts = await makeParts()
    await act(parts, { does: 'append', batch: [{ ...put('a'), deadline: timeAt(5) }] })
    act(parts, { does: 'let time pass', ms: 6 })
    const lists = [list(parts)]
    while (parts.planned.length > 0) await parts.step()
    await act(parts, { does: 'read others', batch: [{ ...put('a'), deadline }] }) // recorded before the deadline
    lists.push(list(parts))
    await Promise.all(lists)
    expect(seen(parts)).toEqual(['a'])
  }
})

test('before the first list nothing is kept, and after the build nothing is built again', async () => {
  const parts = await makeParts()
  await act(parts, { does: 'append', batch: [put('a'), put('b')] })
  expect(parts.planned.length).toBe(0)
  const first = list(parts)
  while (parts.planned.length > 0) await parts.step()
  await first
  await act(parts, { does: 'append', batch: [put('c'), remove('a')] })
  await list(parts)
  expect(parts.planned.length).toBe(0)
})

test('concurrent first lists share one build, and what it ends with is told to all of them', async () => {
  const parts = await makeParts()
  await act(parts, { does: 'append', batch: [put('a')] })
  const lists = [list(parts), list(parts), list(parts)]
  expect(parts.planned.length).toBe(1)
  const stopped = new Error('stopped')
  parts.slices.stop(stopped)
  for (const one of [...lists, list(parts), list(parts, 1)]) await expect(one).rejects.toBe(stopped)
})

test('a page is answered by a scan that keeps few keys; another one waits for that, or for the build', async () => {
  const parts = await makeParts()
  const keys = Array.from({ length: 2_000 }, (_, n) => `key ${1_000 + n}`)
  const batch = keys.map((name) => put(name))
  await parts.mirror.append(parts.log.session(), batch)
  const answers: { page: string[]; size: number }[] = []
  const page = () =>
    parts.shownKeys.withKeys({ ranges: everything, count: 3 }, (of) => {
      answers.push({ page: listed(of, everything, 3), size: of.size })
    })
  const pages = Promise.all([page(), page()])
  let steps = 0
  for (; answers.length < 2; steps++) await parts.step()
  await pages
  expect(answers.map((answer) => answer.page)).toEqual([keys.slice(0, 3), keys.slice(0, 3)])
  const [scanned = 0, built] = answers.map(({ size }) => size).toSorted((one, other) => one - other)
  expect(scanned).toBeLessThan(600)
  expect(built).toBe(2_000)
  expect(steps).toBeLessThan(2 * keys.length + 20) // a slice in turn for the build and for one scan
})

test('a scan that removals have spoilt is done again, and then the build is waited for', async () => {
  const parts = await makeParts()
  const keys = Array.from({ length: 4_000 }, (_, n) => `key ${1_000 + n}`)
  const session = () => parts.log.session()
  await parts.mirror.append(
    session(),
    keys.map((name) => put(name)),
  )
  let page: string[] | undefined
  const asked = parts.shownKeys.withKeys({ ranges: everything, count: 10 }, (of) => {
    page = listed(of, everything, 10)
  })
  const left = [...keys]
  for (let steps = 0; page === undefined; steps++) {
    await parts.step()
    if (page === undefined && steps % 2 === 0 && left.length > 600) {
      await parts.mirror.append(
        session(),
        left.splice(0, 1).map((name) => remove(name)),
      )
    }
  }
  await asked
  expect(page).toEqual(left.slice(0, 10))
})

test('a build and a scan under way when the log comes to own other keys are begun anew, and show those', async () => {
  const parts = await makeParts()
  const keys = Array.from({ length: 500 }, (_, n) => `key ${1_000 + n}`)
  const batch = keys.map((name) => put(name))
  await parts.mirror.append(parts.log.session(), batch)
  ownAllBut(parts, keys.slice(0, 250))
  const answers: string[][] = []
  const ask = (count?: number) =>
    parts.shownKeys.withKeys({ ranges: everything, count }, (of) => answers.push(listed(of, everything, 3)))
  const lists = Promise.all([ask(), ask(3), ask(3)])
  for (let steps = 0; steps < 600; steps++) await parts.step()
  expect(answers).toEqual([])
  ownAllBut(parts, keys.slice(250))
  const steps = await stepUntil(parts, lists)
  expect(answers).toEqual(Array.from({ length: 3 }, () => keys.slice(0, 3)))
  // Nothing goes on with what was dropped: there is one build, and one scan.
  expect(steps).toBeLessThan(2 * keys.length + 50)
})

test('a build that ends in the very step in which the log comes to own other keys is not shown', async () => {
  const parts = await makeParts()
  await act(parts, { does: 'append', batch: [put('a'), put('b')] })
  let shown: string[] | undefined
  const asked = parts.shownKeys.withKeys({ ranges: everything, count: undefined }, (of) => {
    shown = listed(of, everything)
  })
  for (let isLast = false; !isLast; ) {
    parts.planned.shift()?.()
    isLast = parts.planned.length === 0 // who waits for the build goes on after this
    if (isLast) ownAllBut(parts, ['a'])
    await Promise.resolve()
  }
  await stepUntil(parts, asked)
  expect(shown).toEqual(['b'])
})

test('an open snapshot stays as it is when the log comes to own other keys', async () => {
  const parts = await makeParts()
  await act(parts, { does: 'append', batch: [put('a'), put('b')] })
  const asked = parts.shownKeys.withKeys({ ranges: everything, count: undefined }, (of) => of.snapshot())
  await stepUntil(parts, asked)
  const snapshot = await asked
  ownAllBut(parts, ['a', 'b'])
  await act(parts, { does: 'append', batch: [put('c')] })
  expect(snapshot.walk({ ranges: everything, limit: undefined, delimiter: undefined }).take(9).map(String)).toEqual([
    'a',
    'b',
  ])
  snapshot.close()
  await stepUntil(parts, list(parts))
})
