import { expect, test } from 'vitest'
import { makeCompactor } from '../../../kvs/view/compaction.ts'
import { makeHash } from '../../../kvs/view/key-hash.ts'
import { makeKeyIndex } from '../../../kvs/view/key-index.ts'
import { makeRecords } from '../../../kvs/view/records.ts'
import { makeSlabs } from '../../../kvs/view/slabs.ts'

const slabBytes = 4096

test('a slab that a step has emptied, and that is then filled anew, is not gone on with', () => {
  const slabs = makeSlabs(slabBytes)
  const records = makeRecords(slabs)
  const index = makeKeyIndex(records.isKeyAt)
  const hash = makeHash()
  const compact = makeCompactor(slabs, records, index, hash)

  /** Of letters, so that what is read from the middle of a record looks like one that goes on past the slab. */
  function add(name: number, bytes: number): number {
    const key = Buffer.from(`key ${name}`.padEnd(10))
    const value = Buffer.alloc(bytes - 20 - key.length, 'a')
    const window = { keyStart: 0, keyLength: key.length, valueStart: 0, valueLength: value.length }
    const entry = { sequence: name, mark: 0, recordedAt: 0, deadline: undefined, rank: undefined, earlier: undefined }
    const address = records.add({ key, value, ...window, contentType: undefined, ...entry })
    index.add(hash(key, 0, key.length), address)
    return address
  }

  function remove(address: number): void {
    const { buffer, start, length } = records.keyAt(address)
    index.remove(hash(buffer, start, length), address)
    records.remove(address)
  }

  const perSlab = slabBytes / 256
  const first = Array.from({ length: 20 * perSlab - 1 }, (_, n) => add(n, 256)) // no record has the address 0
  const slabOf = (address: number) => Math.floor((address * slabs.unit) / slabBytes)
  const isIn = (slab: number) => (address: number) => slabOf(address) === slab
  const emptied = first.filter(isIn(7))
  // A step looks at eight records, of which the last is the last that is left.
  for (const [n, address] of emptied.entries()) if (n !== 7) remove(address)
  for (const [n, address] of first.entries())
    if (n % 2 === 0 && !isIn(7)(address) && !isIn(19)(address)) remove(address)
  expect(slabs.mostWasteful()?.start).toBe(emptied[0])
  compact(0)
  expect(slabs.mostWasteful()?.start).not.toBe(emptied[0])

  const second = Array.from({ length: 3 * perSlab }, (_, n) => add(1_000 + n, 264))
  expect(second.filter(isIn(7)).length).toBeGreaterThan(10)
  for (let step = 0; step < 1_000; step++) compact(256)
  expect(slabs.mostWasteful()).toBeUndefined()
})
