import { expect, test } from 'vitest'
import { makeSlabs, ViewFull } from '../../../kvs/view/slabs.ts'

test('there is an end to it, with a clear error, and what is released can be had again', () => {
  const slabs = makeSlabs(1024, 4096)
  const addresses = Array.from({ length: 15 }, () => slabs.allocate(256)) // the first slab lacks the address 0
  expect(new Set(addresses).size).toBe(15)
  const more = () => slabs.allocate(256)
  expect(more).toThrow(
    new ViewFull('the keys and values of this log take more than the 4096 bytes that one node can hold'),
  )
  for (const address of addresses.slice(3, 7)) slabs.release(address, 256)
  expect(Array.from({ length: 4 }, more)).toEqual(addresses.slice(3, 7))
  expect(more).toThrow(ViewFull)
  expect(slabs.liveBytes).toBe(15 * 256)
})

test('the memory of emptied slabs is given back, but for some', () => {
  const slabs = makeSlabs(1024)
  const addresses = Array.from({ length: 100 }, () => slabs.allocate(1000))
  expect(slabs.bytes).toBe(100 * 1024)
  for (const address of addresses) slabs.release(address, 1000)
  expect(slabs.liveBytes).toBe(0)
  expect(slabs.bytes).toBeLessThan(8 * 1024)
})

test('pieces do not overlap', () => {
  const slabs = makeSlabs(1024)
  const pieces = Array.from({ length: 50 }, (_, n) => ({ address: slabs.allocate(8 * (1 + (n % 20))), n }))
  for (const { address, n } of pieces) {
    const at = slabs.offset(address)
    slabs.buffer(address).fill(n, at, at + 8 * (1 + (n % 20)))
  }
  for (const { address, n } of pieces) {
    const at = slabs.offset(address)
    expect(slabs.buffer(address).subarray(at, at + 8 * (1 + (n % 20)))).toEqual(Buffer.alloc(8 * (1 + (n % 20)), n))
  }
})

test('a slab that was emptied is gone for whoever held it, also once it is filled anew', () => {
  const slabs = makeSlabs(1024)
  const addresses = Array.from({ length: 100 }, () => slabs.allocate(500)) // two in each
  for (const address of addresses.filter((_, index) => index % 2 === 0)) slabs.release(address, 500)
  const slab = slabs.mostWasteful()
  if (slab === undefined) throw new Error('half of the memory is wasted')
  expect(slab.isGone()).toBe(false)
  const isInside = (address: number) => address >= slab.start && address < slab.end
  for (const address of addresses.filter((address, index) => index % 2 === 1 && isInside(address))) {
    slabs.release(address, 500)
  }
  expect(slab.isGone()).toBe(true)
  const others = Array.from({ length: 10 }, () => slabs.allocate(500))
  expect(others.filter(isInside)).toHaveLength(2)
  expect(slab.isGone()).toBe(true)
})
