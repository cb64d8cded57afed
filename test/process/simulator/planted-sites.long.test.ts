import { expect, test } from 'vitest'
import { runCampaign } from '../../../tools/simulator/campaign.ts'
import { explain } from '../../../tools/simulator/failure.ts'
import { generateSitesSchedule } from '../../../tools/simulator/sites/generate-sites.ts'
import type { PlantedFault } from './planted-faults.ts'
import { plantedFaultsOfSites } from './planted-faults-sites.ts'

/** How long a planted fault may take to be found. */
const patienceMs = 60_000

/** Runs the same seeds each time, from the first one on. */
function search(plants?: PlantedFault['plants'], boundMs = patienceMs) {
  const deadline = performance.now() + boundMs
  return runCampaign({
    ...{ from: 1, goesOn: () => performance.now() < deadline, generate: generateSitesSchedule },
    ...(plants && { plants }),
  })
}

test.each(plantedFaultsOfSites)('a site that $name is found', { timeout: 5 * patienceMs }, async (planted) => {
  const { plants, sentence } = planted
  const { failure } = await search(plants)
  if (failure === undefined) expect.fail(`it was not found within ${patienceMs / 1000} s`)
  expect(failure.violations).toContainEqual(expect.stringMatching(sentence))

  const { least, text } = await explain(failure, `seed ${failure.schedule.seed}`, plants)
  expect(least.violations).not.toEqual([])
  expect(least.schedule.operations.length).toBeLessThan(failure.schedule.operations.length / 2)
  expect(text).toContain(`seed ${failure.schedule.seed} fails`)
})

test('sites themselves are not, with the same seeds', { timeout: 5 * patienceMs }, async () => {
  const { failure, schedules } = await search(undefined, patienceMs / 4)
  expect(failure?.violations).toBeUndefined()
  expect(schedules).toBeGreaterThan(5)
})
