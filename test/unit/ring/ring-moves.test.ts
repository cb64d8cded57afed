import { describe, expect, test } from 'vitest'
import { runMoves, type ScheduleOptions } from './world-schedule.ts'

const messages = { repeats: true, delays: true, losesAnswers: true }
const all = { ...messages, losesAppends: true, lags: true, supersedes: true }

/** A ring is changed all the time. Its members' nodes are killed, and clients write and read meanwhile. */
describe('no write is lost, none comes back, and each key is at its owner as it was written', () => {
  test.each<[string, Omit<ScheduleOptions, 'seed'>]>([
    ['nodes are killed', {}],
    ['messages come late, again, or never', { faults: messages }],
    ['appends get no answer, or land later', { faults: { losesAppends: true, supersedes: true } }],
    ['logs have two nodes, which lag', { nodes: 2, faults: { lags: true } }],
    ['all of that happens', { nodes: 2, faults: all }],
    ['all of that happens to one node of each log', { faults: all }],
  ])('whenever %s', { timeout: 120_000 }, async (_, options) => {
    const sums = { moved: 0, writes: 0, reads: 0 }
    const seeds = 50
    for (let seed = 1; seed <= seeds; seed++) {
      const { world, moved, writes, reads } = await runMoves({ ...options, seed })
      expect(world.violations, `seed ${seed}\n${world.lines.join('\n')}`).toEqual([])
      sums.moved += moved
      sums.writes += writes
      sums.reads += reads
    }
    // Else the test would show little.
    expect(sums.moved).toBeGreaterThan(2 * seeds)
    expect(sums.writes).toBeGreaterThan(40 * seeds)
    expect(sums.reads).toBeGreaterThan(30 * seeds)
  })
})
