import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { generateSchedule } from '../../../../tools/simulator/generator.ts'
import { generateRingSchedule } from '../../../../tools/simulator/ring/generate-ring.ts'
import { simulate } from '../../../../tools/simulator/run.ts'
import { generateSitesSchedule } from '../../../../tools/simulator/sites/generate-sites.ts'

/** One with several nodes, and one with one. */
const seeds = [2, 7]

test('a schedule is data: the same seed gives the same one, and a file keeps it', () => {
  for (const seed of seeds) {
    expect(generateSchedule(seed)).toEqual(generateSchedule(seed))
    expect(JSON.parse(JSON.stringify(generateSchedule(seed)))).toEqual(generateSchedule(seed))
  }
  expect(generateSchedule(2)).not.toEqual(generateSchedule(7))
})

test.each(seeds)('seed %i goes the same way each time', async (seed) => {
  const first = await simulate(generateSchedule(seed))
  const second = await simulate(generateSchedule(seed))
  expect(first.trace.lines.length).toBeGreaterThan(50)
  expect(second.trace.lines).toEqual(first.trace.lines)
  expect(second.trace.hash()).toBe(first.trace.hash())
  expect(second.history).toEqual(first.history)
  expect(first.violations).toEqual([])
})

test.each([2, 3])('seed %i of sites goes the same way each time', async (seed) => {
  const schedule = generateSitesSchedule(seed)
  expect(JSON.parse(JSON.stringify(schedule))).toEqual(schedule)
  const first = await simulate(schedule)
  const second = await simulate(schedule)
  expect(second.trace.lines).toEqual(first.trace.lines)
  expect(first.history.operations.length).toBeGreaterThan(20)
  expect(first.violations).toEqual([])
})

test.each([1, 3])('seed %i of a ring goes the same way each time', async (seed) => {
  const schedule = generateRingSchedule(seed)
  expect(JSON.parse(JSON.stringify(schedule))).toEqual(schedule)
  const first = await simulate(schedule)
  const second = await simulate(schedule)
  expect(second.trace.lines).toEqual(first.trace.lines)
  expect(first.history.operations.length).toBeGreaterThan(20)
  expect(first.violations).toEqual([])
})

/** Sites that come and go, logs that are lost, that are restored for a while, and that go back in the end. */
const kindsOfGroups = ['added', 'taken out', 'log lost', 'log restored', 'log goes back'] as const

test.each(kindsOfGroups)('a schedule with "%s" among its faults goes the same way each time', async (kind) => {
  const seed = Array.from({ length: 100 }, (_, index) => index).find((one) =>
    generateSitesSchedule(one).faults.some((fault) => fault.kind === kind),
  )
  const schedule = generateSitesSchedule(seed ?? expect.fail('no seed has it'))
  expect(JSON.parse(JSON.stringify(schedule))).toEqual(schedule)
  const first = await simulate(schedule)
  const second = await simulate(schedule)
  expect(second.trace.lines).toEqual(first.trace.lines)
  expect(first.violations).toEqual([])
})

test('it goes the same way in a process of its own', async () => {
  const [seed = 0] = seeds
  const main = new URL('../../../../tools/simulator/main.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--seed', String(seed)])
  const run = await simulate(generateSchedule(seed))
  expect(stdout).toMatch(new RegExp(`trace ${run.trace.hash()}$`, 'm'))
})

test('wrong use ends with 2 and a sentence, help with 0', async () => {
  const main = new URL('../../../../tools/simulator/main.ts', import.meta.url).pathname
  const node = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args])
  await expect(node('--bogus')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('--bogus') })
  expect((await node('--help')).stdout).toContain('npm run simulate -- --seed N')
})
