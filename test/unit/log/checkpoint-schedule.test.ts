import { expect, test } from 'vitest'
import { makeCheckpointSchedule, usualPace } from '../../../kvs/log/checkpoint-schedule.ts'

const pace = {
  ...usualPace,
  movingLag: 1_000,
  quietLag: 10,
  step: 100,
  leastStep: 20,
  movingShare: 1 / 4,
  quietShare: 1 / 2,
}

function make(head: bigint, checkpoint: bigint) {
  const schedule = makeCheckpointSchedule(pace)
  schedule.begin({ head, checkpoint })
  return schedule
}

test('a quiet log has a smaller bound than one that moves', () => {
  expect(make(500n, 0n).notePoll({ head: 500n, checkpoint: 0n }, undefined)).toBe(true)
  expect(make(500n, 495n).notePoll({ head: 500n, checkpoint: 495n }, undefined)).toBe(false)
  expect(make(400n, 0n).notePoll({ head: 500n, checkpoint: 0n }, undefined)).toBe(false)
  expect(make(400n, 0n).notePoll({ head: 1_500n, checkpoint: 0n }, undefined)).toBe(true)
})

test('a checkpoint that another node moves is left to that node', () => {
  const schedule = make(5_000n, 0n)
  expect(schedule.notePoll({ head: 5_000n, checkpoint: 100n }, undefined)).toBe(false)
  expect(schedule.notePoll({ head: 5_000n, checkpoint: 100n }, undefined)).toBe(true)
  expect(schedule.noteStep({ before: 200n, reached: 300n, behind: 4_700n }, 8)).toBeUndefined()
})

test('the log is not asked again until the node has applied more than when there was nothing to do', () => {
  const schedule = make(500n, 500n)
  expect(schedule.isPollDue('at 500')).toBe(true)
  schedule.notePoll({ head: 500n, checkpoint: 500n }, 'at 500')
  expect(schedule.isPollDue('at 500')).toBe(false)
  expect(schedule.isPollDue('at 501')).toBe(true)
  expect(schedule.isPollDue(undefined)).toBe(true)
})

test('steps rest in proportion to what they took, and end where the log is near enough', () => {
  const quiet = make(500n, 0n)
  quiet.notePoll({ head: 500n, checkpoint: 0n }, undefined)
  expect(quiet.noteStep({ before: 0n, reached: 100n, behind: 400n }, 8)).toBe(8)
  expect(quiet.noteStep({ before: 100n, reached: 500n, behind: 0n }, 8)).toBeUndefined()
  const moving = make(500n, 0n)
  moving.notePoll({ head: 5_000n, checkpoint: 0n }, undefined)
  expect(moving.noteStep({ before: 0n, reached: 100n, behind: 5_000n }, 8)).toBe(24)
  expect(moving.noteStep({ before: 100n, reached: 4_500n, behind: 1_000n }, 8)).toBeUndefined()
})

test('steps get smaller down to a bound while they time out, and grow again', () => {
  const schedule = make(0n, 0n)
  const sizes = [1, 2, 3, 4].map(() => {
    schedule.noteTimeout()
    return schedule.step
  })
  expect(sizes).toEqual([50, 25, 20, 20])
  expect(schedule.isAtLeastStep).toBe(true)
  schedule.noteStep({ before: 0n, reached: 1n, behind: 0n }, 1)
  expect(schedule.step).toBe(22)
})
