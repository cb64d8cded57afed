import { expect, test } from 'vitest'
import { batchByTurn } from '../../../kvs/lib/turn-batching.ts'

test('what arrives in one turn is handled at its end, in its order; what arrives meanwhile, in the next turn', () => {
  const turns: (() => void)[] = []
  const handled: number[] = []
  const take = batchByTurn(
    (item: number) => {
      handled.push(item)
      if (item === 1) take(3)
    },
    { soon: (act) => void turns.push(act) },
  )
  take(1)
  take(2)
  expect([handled, turns.length]).toEqual([[], 1])
  turns.shift()?.()
  expect([handled, turns.length]).toEqual([[1, 2], 1])
  turns.shift()?.()
  expect([handled, turns.length]).toEqual([[1, 2, 3], 0])
})
