import { expect, test } from 'vitest'
import { runCampaign } from '../../../tools/simulator/campaign.ts'
import { explain } from '../../../tools/simulator/failure.ts'
import { type PlantedFault, plantedFaults } from './planted-faults.ts'

const patienceMs = 60_000

/** Runs seeds for as long as a planted fault may take to be found. */
function search(plants?: PlantedFault['plants']) {
  const deadline = performance.now() + patienceMs
  return runCampaign({ from: 1, goesOn: () => performance.now() < deadline, ...(plants && { plants }) })
}

test.each(plantedFaults)('a node that $name is found', { timeout: 5 * patienceMs }, async ({ plants, sentence }) => {
  const { failure } = await search(plants)
  if (failure === undefined) expect.fail(`it was not found within ${patienceMs / 1000} s`)
  expect(failure.violations).toContainEqual(expect.stringMatching(sentence))

  const { least, text } = await explain(failure, `seed ${failure.schedule.seed}`, plants)
  expect(least.violations).not.toEqual([])
  expect(least.schedule.operations.length).toBeLessThan(failure.schedule.operations.length / 2)
  expect(text).toContain(`seed ${failure.schedule.seed} fails`)
  expect(text).toMatch(/^ *\d+\.\d{3} {2}client \d+ +(\S+ key-\d|transfer )/m)
})

test('the service itself is not, with the same seeds', { timeout: 5 * patienceMs }, async () => {
  const { failure, schedules } = await search()
  expect(failure?.violations).toBeUndefined()
  expect(schedules).toBeGreaterThan(50)
})
