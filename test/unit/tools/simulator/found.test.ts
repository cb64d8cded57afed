import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { simulate } from '../../../../tools/simulator/run.ts'

/** Schedules that have failed once, on a node that was broken at the time or by a plant. */
const files = globSync('test/unit/tools/simulator/found/*.json')

test('there are some', () => {
  expect(files.length).toBeGreaterThan(5)
})

test.each(files.map((file) => [basename(file, '.json'), file]))('%s', async (_, file) => {
  const run = await simulate(JSON.parse(readFileSync(file, 'utf8')))
  expect(run.violations).toEqual([])
  expect(run.history.operations.length).toBeGreaterThan(0)
})
