import fc from 'fast-check'
import { expect, test } from 'vitest'
import { covers, mergePositions, type Position } from '../../../kvs/core/position.ts'
import { makeDependencies } from '../../../kvs/view/dependencies.ts'

const logId = fc.constantFrom('a', 'b', 'c')
const position = fc
  .dictionary(logId, fc.bigInt({ min: 1n, max: 12n }), { minKeys: 1 })
  .map((sequences): Position => ({ sequences: new Map(Object.entries(sequences)), stamp: 0 }))
const step = fc.oneof(
  fc.record({ key: fc.constantFrom('k', 'l', 'm', '__proto__'), after: fc.option(position, { nil: undefined }) }),
  fc.record({ logId, by: fc.integer({ min: 1, max: 3 }) }),
)

test('a key has the last dependency that was set for it, until that is covered', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const seen = new Map([...'abc'].map((id) => [id, 0n]))
      const dependencies = makeDependencies((id) => Number(seen.get(id)))
      const model = new Map<string, Position>()
      for (const step of steps) {
        if ('key' in step) {
          dependencies.set(step.key, step.after)
          model.delete(step.key)
          if (step.after) model.set(step.key, step.after)
        } else {
          seen.set(step.logId, (seen.get(step.logId) ?? 0n) + BigInt(step.by))
          dependencies.advance(step.logId)
        }
        for (const [key, after] of [...model]) if (covers({ sequences: seen, stamp: 0 }, after)) model.delete(key)
        expect(dependencies.size).toBe(model.size)
        for (const key of ['k', 'l', 'm', '__proto__', 'constructor']) expect(dependencies.of(key)).toBe(model.get(key))
        const all = [...model.values()]
        const { merged } = dependencies
        expect(merged).toEqual(all.length === 0 ? undefined : all.reduce((one, other) => mergePositions(one, other)))
        expect(dependencies.merged).toBe(merged)
      }
    }),
  )
})
