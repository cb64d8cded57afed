import { expect, test } from 'vitest'
import { runCampaign } from '../../../tools/simulator/campaign.ts'
import { explain } from '../../../tools/simulator/failure.ts'
import { generateRingSchedule } from '../../../tools/simulator/ring/generate-ring.ts'
import type { PlantedFault } from './planted-faults.ts'
import { plantedFaultsOfRings } from './planted-faults-ring.ts'

/** Among so many schedules a planted fault is to be found, however fast the machine is. */
const mostSchedules = 200
const timeout = 600_000

/** Runs the same seeds each time, from the first one on. */
function search(plants?: PlantedFault['plants'], most = mostSchedules) {
  let left = most
  return runCampaign({
    ...{ from: 1, goesOn: () => left-- > 0, generate: generateRingSchedule },
    ...(plants && { plants }),
  })
}

test.each(plantedFaultsOfRings)('a member that $name is found', { timeout }, async (planted) => {
  const { plants, sentence } = planted
  const { failure } = await search(plants)
  if (failure === undefined) expect.fail(`it was not found in ${mostSchedules} schedules`)
  expect(failure.violations).toContainEqual(expect.stringMatching(sentence))

  const { least, text } = await explain(failure, `seed ${failure.schedule.seed}`, plants)
  expect(least.violations).not.toEqual([])
  expect(least.schedule.operations.length).toBeLessThan(failure.schedule.operations.length / 2)
  expect(text).toContain(`seed ${failure.schedule.seed} fails`)
})

test('members themselves are not, with the same seeds', { timeout }, async () => {
  const { failure, schedules } = await search(undefined, 40)
  expect(failure?.violations).toBeUndefined()
  expect(schedules).toBe(40)
})
