import { expect, test } from 'vitest'
import { makeOwnDigests } from '../../../../kvs/sites/digests/own-digests.ts'
import type { OwnSite } from '../../../../kvs/sites/index.ts'
import { settle } from '../fixtures.ts'
import { makeTwo } from './compared-sites.ts'

const asked = ['k1', 'k2', 'k3'].map((key) => ({ key, stamp: 1, origin: 'a', checksum: 1 }))

/** The digests of a site whose work a test does step by step. */
function makeStepped() {
  const { b } = makeTwo()
  const works: { readonly steps: Iterator<unknown>; readonly done: PromiseWithResolvers<void> }[] = []
  const stopping = new AbortController()
  const site: OwnSite = {
    ...b.site,
    inSlices(steps) {
      const done = Promise.withResolvers<void>()
      works.push({ steps, done })
      return done.promise
    },
  }
  return {
    ...{
      works,
      stopping,
      seen: b.view.seen,
      own: makeOwnDigests({ site, isRemoved: () => false, stopping: stopping.signal }),
    },
    /** Does a step of the work that came last, or all of them. */
    async go(most = Infinity) {
      await settle()
      const { steps, done } = works.at(-1) ?? expect.fail('there is no work')
      try {
        for (let step = 0; step < most; step++) if (steps.next().done) return done.resolve()
      } catch (error) {
        done.reject(error)
      } finally {
        await settle()
      }
    },
  }
}

test('values are compared one time after the other, and few wait for their turn', async () => {
  const { own, works, seen, go } = makeStepped()
  const waiting = Array.from({ length: 16 }, () => own.compare(seen, asked))
  await expect(own.compare(seen, asked)).rejects.toMatchObject({
    code: 'overloaded',
    message: '16 comparisons of values are waiting already; nothing was compared',
  })
  for (let turn = 1; turn <= 16; turn++) {
    await settle()
    expect(works).toHaveLength(turn)
    await go()
    await waiting[turn - 1]
  }
  const again = own.compare(seen, asked)
  await go()
  expect((await again).indices).toEqual([0, 1, 2])
})

test('a comparison that nobody waits for stops at the next step, or does not begin', async () => {
  const { own, works, seen, go } = makeStepped()
  const gone = [false, false]
  const requireWanted = (index: number) => () => {
    if (gone[index]) throw new Error(`${index} is gone`)
  }
  const [first, second] = [0, 1].map((index) => own.compare(seen, asked, requireWanted(index)))
  const third = own.compare(seen, asked)
  await go(1)
  gone.fill(true)
  await Promise.all([
    expect(first).rejects.toThrow('0 is gone'),
    expect(second).rejects.toThrow('1 is gone'),
    go(1).then(() => go()),
  ])
  expect((await third).indices).toHaveLength(3)
  expect(works).toHaveLength(2)
})

test('where the node is told to stop, what is read or compared ends with draining', async () => {
  const { own, stopping, seen, go } = makeStepped()
  const read = own.read(seen)
  await go(1)
  stopping.abort()
  await Promise.all([expect(read).rejects.toMatchObject({ code: 'draining' }), go(1)])
  const other = makeStepped()
  const compared = other.own.compare(other.seen, asked)
  await other.go(1)
  other.stopping.abort()
  await Promise.all([expect(compared).rejects.toMatchObject({ code: 'draining' }), other.go(1)])
})
