import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { routedPrefix, slotCount, slotOf } from '../../../../kvs/core/ring/key-slot.ts'

/** The definition, word for word. */
function slotByDefinition(key: string): number {
  const digest = createHash('md5').update(key, 'utf8').digest('hex')
  return Number(BigInt(`0x${digest}`) % BigInt(slotCount))
}

test.each([
  ['', 8_366],
  ['a', 6_497],
  ['straße', slotByDefinition('straße')],
])('the slot of %j never changes', (key, slot) => {
  expect(slotOf(key)).toBe(slot)
})

test('a key’s slot is its MD5 modulo 10,000', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (key) => {
      fc.pre(!key.startsWith(routedPrefix))
      expect(slotOf(key)).toBe(slotByDefinition(key))
      expect(slotOf(key)).toBe(slotByDefinition(key))
    }),
  )
})

test('a key of the dialect with /route has the slot of what its clients know it by', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (key) => {
      expect(slotOf(`${routedPrefix}${key}`)).toBe(slotByDefinition(key))
    }),
  )
  expect(slotOf('route/route/a')).toBe(slotByDefinition('route/a'))
  expect(slotOf('Route/a')).toBe(slotByDefinition('Route/a'))
  expect(slotOf('route')).toBe(slotByDefinition('route'))
})

test('a lone surrogate counts as what is stored of it', () => {
  expect(slotOf('\ud800')).toBe(slotByDefinition('\ufffd'))
})
