import { expect, test } from 'vitest'
import type { Write } from '../../../kvs/core/entry.ts'
import { makeOrderedKeys } from '../../../kvs/order/index.ts'
import { countKeysIn, visitKeysIn } from '../../../kvs/view/count-keys.ts'
import { makeView } from '../../../kvs/view/index.ts'
import { entryOf, put, remove } from '../../support/entries.ts'

function run(steps: Generator<void, number>): number {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

test.each([false, true])('the keys that have a value are counted, also lapsed ones; with ranks: %s', (ranks) => {
  const view = makeView({ logId: 'cafe0123', ranks })
  const writes = [
    ...Array.from({ length: 500 }, (_, index) => put(`in/${index}`)),
    ...Array.from({ length: 300 }, (_, index) => put(`out/${index}`)),
    put('in/0', 'again'),
    remove('in/1'),
    { ...put('in/lapsed'), deadline: 1 },
    put('in/ü', Buffer.alloc(100_000)),
  ]
  for (const [index, write] of writes.entries()) view.apply(entryOf(BigInt(index + 1), write))
  expect(run(countKeysIn(view, (key) => key.startsWith('in/')))).toBe(501)
  expect(run(countKeysIn(view, (key) => key === 'in/ü'))).toBe(1)
  expect(run(countKeysIn(view, () => false))).toBe(0)
})

test('keys that share a hash count once each, and others may change between two steps', () => {
  const keys = new Map([
    ['a', 7],
    ['b', 7],
    ['c', 8],
  ])
  const view = {
    segments: 1,
    hashesIn: () => Uint32Array.from(keys.values()),
    visitKeys(hash: number, visit: (bytes: Buffer, start: number, length: number) => void) {
      for (const [key, of] of keys) if (of === hash) visit(Buffer.from(`<${key}>`), 1, 1)
    },
  }
  expect(run(countKeysIn(view, () => true))).toBe(3)
  const steps = countKeysIn(view, () => true)
  steps.next()
  keys.delete('c')
  expect(run(steps)).toBe(2)
})

test('keys that have a value all the time are visited, whatever is written between two steps', () => {
  const view = makeView({ logId: 'cafe0123', slabBytes: 4096 })
  const apply = (write: Write) => view.apply(entryOf(view.position.sequence + 1n, write))
  for (let n = 0; n < 1_000; n++) for (const kind of ['stays', 'goes', 'out']) apply(put(`${kind} ${n}`))
  const keys = makeOrderedKeys()
  let step = 0
  for (const _ of visitKeysIn(view, (key) => !key.startsWith('out'), keys.add)) {
    const n = step++ % 1_000
    apply(put(`stays ${n}`, 'v'.repeat(n % 200))) // moves its record, and others' by compaction
    apply(put(`new ${n}`)) // grows segments
    apply(remove(`goes ${n}`))
  }
  const found = keys
    .snapshot()
    .walk({ ranges: [{ from: Buffer.of(), to: undefined }], limit: undefined, delimiter: undefined })
  const texts = found.take(10_000).map(String)
  expect(texts.filter((key) => key.startsWith('stays')).length).toBe(1_000)
  expect(texts.filter((key) => key.startsWith('out'))).toEqual([])
})
