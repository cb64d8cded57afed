import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeSequenceQueue, type Waiting } from '../../../../kvs/sites/copies/sequence-queue.ts'

test('whatever comes in which order, all that waits for a sequence is taken once, and what is over never', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), sequence: fc.bigInt({ min: 1n, max: 50n }) }),
    fc.record({ kind: fc.constant('over' as const), at: fc.nat(200) }),
    fc.record({ kind: fc.constant('take' as const), sequence: fc.bigInt({ min: 0n, max: 50n }) }),
    fc.record({ kind: fc.constant('all' as const) }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
      const queue = makeSequenceQueue<Waiting>()
      let model: Waiting[] = []
      const take = (taken: readonly Waiting[], expected: readonly Waiting[]) => {
        expect(new Set(taken)).toEqual(new Set(expected))
        expect(taken).toHaveLength(expected.length)
        for (const item of taken) item.isOver = true
        model = model.filter((item) => !expected.includes(item))
      }
      for (const act of actions) {
        if (act.kind === 'add') {
          const item = { sequence: act.sequence, isOver: false }
          queue.add(item)
          model.push(item)
        } else if (act.kind === 'over') {
          const item = model[act.at % Math.max(1, model.length)]
          if (item === undefined) continue
          item.isOver = true
          queue.noteOver()
          model = model.filter((other) => other !== item)
        } else if (act.kind === 'take') {
          take(
            queue.takeThrough(act.sequence),
            model.filter(({ sequence }) => sequence <= act.sequence),
          )
        } else take(queue.takeAll(), model)
        const highest = model.reduce<bigint | undefined>(
          (most, { sequence }) => (most === undefined || sequence > most ? sequence : most),
          undefined,
        )
        expect(queue.highest()).toBe(highest)
      }
    }),
  )
})
