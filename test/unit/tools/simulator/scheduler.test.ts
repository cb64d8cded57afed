import { expect, test } from 'vitest'
import { makeScheduler } from '../../../../tools/simulator/scheduler.ts'

/** Runs all events; returns what they have noted down, each with its time. */
async function play(plan: (at: (ms: number, name: string) => void, note: (name: string) => void) => void) {
  const scheduler = makeScheduler()
  const lane = scheduler.lane()
  const notes: string[] = []
  const note = (name: string) => void notes.push(`${scheduler.now} ${name}`)
  plan((ms, name) => lane.after(ms, () => note(name)), note)
  await scheduler.run(() => false, Number.POSITIVE_INFINITY)
  return notes
}

test('events run in the order of their times, and those at one time in the order in which they were set', async () => {
  const notes = await play((at) => {
    at(5, 'late')
    at(1, 'first')
    at(1, 'second')
    at(0, 'at once')
  })
  expect(notes).toEqual(['0 at once', '1 first', '1 second', '5 late'])
})

test('many events keep their order', async () => {
  const times = Array.from({ length: 500 }, (_, index) => (index * 7919) % 499)
  const notes = await play((at) => times.forEach((ms) => void at(ms, '')))
  expect(notes).toEqual(times.toSorted((one, other) => one - other).map((ms) => `${ms} `))
})

test('every promise has its turn before the next event', async () => {
  const scheduler = makeScheduler()
  const lane = scheduler.lane()
  const notes: string[] = []
  lane.after(1, async () => {
    for (let turn = 0; turn < 100; turn++) await undefined
    notes.push('a hundred turns later')
  })
  lane.after(1, () => notes.push('next event'))
  await scheduler.run(() => false, 10)
  expect(notes).toEqual(['a hundred turns later', 'next event'])
})

test('it ends when the condition holds, at the limit, or when nothing is left', async () => {
  const scheduler = makeScheduler()
  const lane = scheduler.lane()
  let count = 0
  for (const ms of [1, 2, 3, 50]) lane.after(ms, () => count++)
  expect(await scheduler.run(() => count === 2, 10)).toBe(true)
  expect(scheduler.now).toBe(2)
  expect(await scheduler.run(() => false, 10)).toBe(false)
  expect([scheduler.now, count]).toEqual([3, 3])
  expect(await scheduler.run(() => false, 100)).toBe(false)
  expect([scheduler.now, count, scheduler.events]).toEqual([50, 4, 4])
})

test('a lane that is paused runs its events when it goes on, a cancelled one never', async () => {
  const scheduler = makeScheduler()
  const world = scheduler.lane()
  const frozen = scheduler.lane()
  const notes: string[] = []
  const note = (name: string) => void notes.push(`${scheduler.now} ${name}`)
  frozen.pause()
  frozen.after(1, () => {
    note('held')
    cancelled.cancel()
  })
  const cancelled = frozen.after(2, () => note('cancelled'))
  frozen.after(20, () => note('later'))
  world.after(3, () => note('other lane'))
  world.after(10, () => frozen.resume())
  await scheduler.run(() => false, 100)
  expect(notes).toEqual(['3 other lane', '10 held', '20 later'])
})

test('a lane that has ended runs nothing any more', async () => {
  const scheduler = makeScheduler()
  const world = scheduler.lane()
  const killed = scheduler.lane()
  let count = 0
  killed.after(5, () => count++)
  world.after(1, () => killed.end())
  world.after(2, () => killed.after(1, () => count++))
  await scheduler.run(() => false, 100)
  expect(count).toBe(0)
  expect(killed.isEnded).toBe(true)
})
