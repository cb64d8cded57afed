import { expect, test } from 'vitest'
import { freeBuffer, owned } from '../../../kvs/lib/buffers.ts'

test('a buffer with memory of its own is not copied', () => {
  const buffer = Buffer.allocUnsafeSlow(10)
  expect(owned(buffer)).toBe(buffer)
})

test('a window on shared memory is copied, and so is a part of a buffer', () => {
  const whole = Buffer.from('0123456789')
  const copies = [owned(whole.subarray(2, 5)), owned(whole, 2, 3)]
  for (const copy of copies) {
    expect(copy.toString()).toBe('234')
    expect(copy.buffer.byteLength).toBe(3)
  }
})

test('a buffer that is freed is empty; a small one and a window are left alone', () => {
  const large = Buffer.allocUnsafeSlow(8 * 1024)
  const small = Buffer.allocUnsafeSlow(1024)
  const window = Buffer.allocUnsafeSlow(16 * 1024).subarray(0, 8 * 1024)
  for (const buffer of [large, small, window]) freeBuffer(buffer)
  expect([large, small, window].map(({ length }) => length)).toEqual([0, 1024, 8 * 1024])
})
