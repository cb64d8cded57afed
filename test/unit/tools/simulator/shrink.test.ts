import { expect, test } from 'vitest'
import { generateSchedule } from '../../../../tools/simulator/generator.ts'
import type { Fault, Schedule } from '../../../../tools/simulator/schedule.ts'
import { dropItems, shrink } from '../../../../tools/simulator/shrink.ts'

const numbers = Array.from({ length: 100 }, (_, index) => index)

test('what is left of a list has what it needs, and nothing else', async () => {
  const left = await dropItems(numbers, async (shorter) => [3, 50, 51, 97].every((number) => shorter.includes(number)))
  expect(left).toEqual([3, 50, 51, 97])
})

test('a list that need not have anything is empty, one that needs all stays', async () => {
  expect(await dropItems(numbers, async () => true)).toEqual([])
  expect(await dropItems(numbers, async () => false)).toEqual(numbers)
})

const kill = (node: number, at: number): Fault => ({ kind: 'kill', node, at, forMs: 100 })
const schedule: Schedule = {
  ...generateSchedule(1),
  nodes: 3,
  faults: [kill(0, 100), kill(1, 200), kill(2, 300), { kind: 'log killed', at: 400, forMs: 100 }],
}

test('faults, operations and nodes are dropped as long as it fails', async () => {
  const kept = schedule.operations[17]
  const { schedule: least, runs } = await shrink(schedule, {
    fails: async ({ faults, operations }) =>
      faults.some(({ at }) => at === 200) && operations.some((one) => one === kept),
  })
  expect(least).toEqual({ ...schedule, nodes: 2, faults: [kill(1, 200)], operations: [kept], lists: [] })
  expect(runs).toBeLessThan(100)
})

test('sites are dropped from the last one on, with what was done to them', async () => {
  const sites = [1, 2, 1].map((nodes) => ({ nodes, clock: 0 }))
  const partition: Fault = { kind: 'partition', at: 100, from: 0, to: 1, forMs: 100 }
  const faults: Fault[] = [
    partition,
    { kind: 'log killed', site: 2, at: 200, forMs: 100 },
    { kind: 'taken out', site: 2, by: 0, at: 200 },
  ]
  const whole: Schedule = { ...schedule, nodes: 4, sites, faults, operations: [] }
  const { schedule: least } = await shrink(whole, {
    fails: async (one) => (one.sites?.length ?? 0) > 1 && one.faults.some(({ at }) => at === 100),
  })
  expect(least).toMatchObject({ nodes: 2, sites: sites.slice(0, 2).map((site) => ({ ...site, nodes: 1 })) })
  expect(least.faults).toEqual([partition])
})

test('members are dropped from the last one on, with what was done to them', async () => {
  const members = [1, 1, 2].map((nodes) => ({ nodes, clock: 0 }))
  const added: Fault = { kind: 'position added', at: 100, asked: 0, position: 5, member: 1 }
  const faults: Fault[] = [
    added,
    { kind: 'position added', at: 100, asked: 3, position: 6, member: 1 },
    { kind: 'ring replaced', at: 100, asked: 0, positions: [[7, 2]] },
    { kind: 'one way', from: 0, to: 2, at: 100, forMs: 100 },
  ]
  const positions = [2, 0].map((member) => [1_000 * member, member] as const)
  const whole: Schedule = { ...schedule, nodes: 4, ring: { members, positions }, faults, operations: [] }
  const { schedule: least } = await shrink(whole, {
    fails: async ({ nodes, faults }) => nodes > 1 && faults.some((one) => 'position' in one && one.position === 5),
  })
  expect(least).toMatchObject({ nodes: 2, faults: [added] })
  expect(least.ring).toEqual({ members: members.slice(0, 2), positions: [[0, 0]] })
})

test('a ring keeps a member that has a position', async () => {
  const members = [1, 1].map((nodes) => ({ nodes, clock: 0 }))
  const whole: Schedule = { ...schedule, nodes: 2, ring: { members, positions: [[5, 1]] }, faults: [], operations: [] }
  expect((await shrink(whole, { fails: async () => true })).schedule.ring).toEqual(whole.ring)
})

test('it ends after so many runs, with a schedule that fails', async () => {
  let runs = 0
  const fails = async ({ faults }: Schedule) => {
    runs++
    return faults.length > 2
  }
  const shrunk = await shrink(schedule, { fails, maxRuns: 2 })
  expect(runs).toBe(2)
  expect(shrunk.runs).toBe(2)
  expect(await fails(shrunk.schedule)).toBe(true)
})
