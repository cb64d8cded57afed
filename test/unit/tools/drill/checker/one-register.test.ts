import { expect, test } from 'vitest'
import { checkLinearizable } from '../../../../../tools/drill/checker/linearizable.ts'
import { asOneRegister } from '../../../../../tools/drill/checker/one-register.ts'
import { get, put, remove, unknown } from './histories.ts'

const consistent = { isConsistent: true } as const
const refused = { outcome: 'failed', status: 412 } as const
const a = put(1, 'a', 0, 1, { sequence: 1 })
const b = put(2, 'b', 2, 3, { sequence: 2 })

const verdictsOf = (...operations: Parameters<typeof asOneRegister>[0]) =>
  checkLinearizable(asOneRegister(operations)).map(({ verdict }) => verdict)

test('reads that are not consistent may show the past; consistent ones may not', () => {
  expect(verdictsOf(a, b, get(3, 'a', 4, 5))).toEqual(['ok'])
  expect(verdictsOf(a, b, get(3, 'a', 4, 5, consistent))).toEqual(['violation'])
})

test('what was spooled takes effect later, or never', () => {
  const spooled = put(2, 's', 2, 3, { status: 202 })
  expect(verdictsOf(a, spooled, get(3, 'a', 4, 5, consistent))).toEqual(['ok'])
  expect(verdictsOf(a, spooled, get(3, 'a', 4, 5, consistent), get(3, 's', 6, 7, consistent))).toEqual(['ok'])
  const again = get(3, 'a', 8, 9, consistent)
  expect(verdictsOf(a, spooled, get(3, 's', 6, 7, consistent), again)).toEqual(['violation'])
})

test('a condition that was met has seen the value of its ETag', () => {
  const overA = (client: number, value: string) => put(client, value, 4, 9, { condition: 1 })
  expect(verdictsOf(a, overA(2, 'x'))).toEqual(['ok'])
  expect(verdictsOf(a, overA(2, 'x'), overA(3, 'y'))).toEqual(['violation'])
  expect(verdictsOf(a, put(2, 'x', 4, 5, { condition: 'absent' }))).toEqual(['violation'])
  expect(verdictsOf(a, remove(1, 2, 3), put(2, 'x', 4, 5, { condition: 'absent' }))).toEqual(['ok'])
  expect(verdictsOf(a, overA(2, 'x'), { ...overA(3, 'y'), ...unknown })).toEqual(['ok'])
})

test('one that was refused has seen the value that it was told', () => {
  const toldOf = (sequence?: number) =>
    put(3, 'x', 4, 5, { ...refused, condition: 9, ...(sequence !== undefined && { sequence }) })
  expect(verdictsOf(a, b, toldOf(2))).toEqual(['ok'])
  expect(verdictsOf(a, b, toldOf(1))).toEqual(['violation'])
  expect(verdictsOf(a, b, toldOf())).toEqual(['violation'])
  expect(verdictsOf(a, toldOf(77))).toEqual(['ok']) // only the log could tell
  expect(verdictsOf(a, b, toldOf(2), get(4, 'x', 6, 7, consistent))).toEqual(['violation'])
})
