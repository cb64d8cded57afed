import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeSpooledDeadlines } from '../../../kvs/spool/spooled-deadlines.ts'

test('deadlines pass in their order, each once and none early', () => {
  const step = fc.record({ deadline: fc.integer({ min: 0, max: 50 }), isNow: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { size: '+1' }), fc.integer({ min: 1, max: 5 }), (steps, most) => {
      const deadlines = makeSpooledDeadlines()
      let model: { key: string; deadline: number }[] = []
      steps.forEach(({ deadline, isNow }, index) => {
        if (!isNow) {
          deadlines.add(`${index}`, deadline)
          model.push({ key: `${index}`, deadline })
          return
        }
        const visited: string[] = []
        deadlines.lapse(deadline, most, (key) => visited.push(key))
        const due = model.filter((item) => item.deadline <= deadline).map((item) => item.deadline)
        const gone = model.filter(({ key }) => visited.includes(key))
        expect(visited).toHaveLength(Math.min(most, due.length))
        expect(gone.map((item) => item.deadline).sort((one, other) => one - other)).toEqual(
          due.sort((one, other) => one - other).slice(0, most),
        )
        model = model.filter(({ key }) => !visited.includes(key))
      })
      deadlines.clear()
      deadlines.lapse(100, 100, () => expect.fail('it was cleared'))
    }),
  )
})
