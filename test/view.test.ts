import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Write } from '../kvs/entry.ts'
import { makeView, OutOfOrder } from '../kvs/view.ts'
import { entryOf, put, remove } from './support/entries.ts'

const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', '')
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key,
    value: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    contentType: fc.constantFrom(undefined, 'text/html'),
  }),
  fc.record({ kind: fc.constant('delete' as const), key }),
)

test('any entries read back as a plain map would', () => {
  fc.assert(
    fc.property(fc.array(write), (writes) => {
      const view = makeView()
      const model = new Map<string, { value: Buffer; contentType: string | undefined; sequence: bigint }>()
      writes.forEach((write, index) => {
        const sequence = BigInt(index + 1)
        view.apply(entryOf(sequence, write))
        if (write.kind === 'put') model.set(write.key, { value: write.value, contentType: write.contentType, sequence })
        else model.delete(write.key)
      })
      expect(view.size).toBe(model.size)
      expect(view.position.sequence).toBe(BigInt(writes.length))
      for (const { key } of writes) expect(view.get(key)).toEqual(model.get(key))
    }),
  )
})

test.each(['2', '1 1', '1 3', '1 2 1'])('the sequences %s are out of order', (sequences) => {
  const view = makeView()
  const apply = () => {
    for (const sequence of sequences.split(' ').map(BigInt)) {
      view.apply(entryOf(sequence, remove('a')))
    }
  }
  expect(apply).toThrow(OutOfOrder)
})

test('a value shares memory with nothing else', () => {
  const view = makeView()
  const chunk = Buffer.from('a large chunk with a value in it')
  const value = chunk.subarray(2, 7)
  view.apply(entryOf(1n, { kind: 'put', key: 'k', value, contentType: undefined }))
  const kept = view.get('k')?.value
  chunk.fill('x')
  expect(kept?.toString()).toBe('large')
  expect(kept?.buffer.byteLength).toBe(5)
})

test('a superseded entry has its place, and no effect', () => {
  const view = makeView()
  view.apply(entryOf(1n, put('a', '1')))
  view.apply(entryOf(2n, put('a', '2'), { superseded: true }))
  view.apply(entryOf(3n, remove('a'), { superseded: true }))
  expect(view.get('a')).toMatchObject({ value: Buffer.from('1'), sequence: 1n })
  expect(view.position.sequence).toBe(3n)
})
