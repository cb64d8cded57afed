import { expect, test } from 'vitest'
import { makeView } from '../../../kvs/view/view.ts'
import { entryOf, put, remove } from '../../support/entries.ts'

const logId = 'cafe0123'

/** A view with ranks, and deletes of `d1`, `d2` and so on with the stamps 1, 2 and so on. */
function makeForgetful(deletes: number) {
  const view = makeView({ logId, ranks: true, slabBytes: 4_096 })
  const { forgetting } = view
  if (forgetting === undefined) throw new Error('it has ranks')
  let sequence = 0n
  const apply = (write: Parameters<typeof entryOf>[1], stamp: number) => {
    view.apply(entryOf(++sequence, write, { stamp }))
  }
  for (let stamp = 1; stamp <= deletes; stamp++) apply(remove(`d${stamp}`), stamp)
  const stampsOf = (...keys: string[]) => keys.map((key) => view.rankOf(key)?.stamp)
  const sweep = () => {
    const steps = forgetting.sweep()
    let count = 0
    while (!steps.next().done) count++
    return count
  }
  return { view, forgetting, apply, stampsOf, sweep }
}

test('forgotten deletes are hidden at once, and their memory is freed step by step', () => {
  const { view, forgetting, stampsOf, sweep } = makeForgetful(3_000)
  const { liveBytes, bytes } = view.memory
  forgetting.forget(2_990)
  expect([forgetting.through, view.tombstones]).toEqual([2_990, 3_000])
  expect(stampsOf('d1', 'd2990', 'd2991')).toEqual([undefined, undefined, 2_991])
  expect(sweep()).toBe(3_000)
  expect(view.tombstones).toBe(10)
  expect(stampsOf('d1', 'd2990', 'd2991')).toEqual([undefined, undefined, 2_991])
  expect(view.memory.liveBytes).toBeLessThan(liveBytes / 100)
  expect(view.memory.bytes).toBeLessThan(bytes / 2)
})

test('a delete that is applied late leaves nothing behind, and neither does the one before it', () => {
  const { view, forgetting, apply, stampsOf } = makeForgetful(2)
  forgetting.forget(5)
  apply(put('late'), 3)
  apply(remove('late'), 4)
  apply(remove('d2'), 5)
  apply(remove('d1'), 6)
  expect(stampsOf('late', 'd1', 'd2')).toEqual([undefined, 6, undefined])
  expect([view.size, view.tombstones]).toEqual([0, 1])
})

test('puts and deletes go on as ever between the steps', () => {
  const { view, forgetting, apply, stampsOf } = makeForgetful(200)
  forgetting.forget(200)
  const steps = forgetting.sweep()
  for (let at = 1; !steps.next().done; at++) {
    const key = `d${((at * 37) % 200) + 1}`
    apply(at % 2 === 0 ? put(key) : remove(key), 1_000 + at)
  }
  const keys = Array.from({ length: 200 }, (_, index) => `d${index + 1}`)
  expect(stampsOf(...keys).every((stamp) => stamp === undefined || stamp > 1_000)).toBe(true)
  const known = keys.filter((key) => view.rankOf(key) !== undefined)
  expect(view.size + view.tombstones).toBe(known.length)
})

test('deletes can be remembered again, unless there is a value or a newer delete', () => {
  const { view, forgetting, apply, stampsOf, sweep } = makeForgetful(3)
  forgetting.forget(3)
  sweep()
  apply(put('d1'), 7)
  apply(remove('d2'), 8)
  forgetting.remember('d3', { stamp: 3, isExpiry: false, origin: 'b' })
  expect(stampsOf('d3')).toEqual([undefined])
  forgetting.forget(0)
  for (const key of ['d1', 'd2', 'd3']) forgetting.remember(key, { stamp: 2, isExpiry: false, origin: 'b' })
  forgetting.remember('d3', { stamp: 3, isExpiry: true, origin: logId })
  forgetting.remember('d3', { stamp: 3, isExpiry: false, origin: 'b' })
  forgetting.remember('x'.repeat(1_025), { stamp: 3, isExpiry: false, origin: 'b' })
  expect(stampsOf('d1', 'd2', 'd3')).toEqual([7, 8, 3])
  expect(view.rankOf('d3')).toEqual({ stamp: 3, isExpiry: true, origin: logId })
  expect([view.size, view.tombstones]).toEqual([1, 2])
})

test('a view without ranks has nothing to forget', () => {
  expect(makeView({ logId }).forgetting).toBeUndefined()
})
