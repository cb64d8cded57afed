import { expect, test } from 'vitest'
import { runCampaign } from '../../../tools/simulator/campaign.ts'
import { explain } from '../../../tools/simulator/failure.ts'
import type { Schedule } from '../../../tools/simulator/schedule.ts'
import type { PlantedFault } from './planted-faults.ts'

/** Among so many schedules a planted fault is to be found, however fast the machine is. */
const mostSchedules = 1_000
const timeout = 600_000

/** Has each planted fault be found and explained, and nothing be found where there is none, by the same seeds. */
export function testPlants(what: string, faults: readonly PlantedFault[], generate: (seed: number) => Schedule): void {
  /** Runs the same seeds each time, from the first one on. */
  function search(plants?: PlantedFault['plants'], most = mostSchedules) {
    let left = most
    return runCampaign({ ...{ from: 1, goesOn: () => left-- > 0, generate }, ...(plants && { plants }) })
  }

  test.each(faults)(`a ${what} that $name is found`, { timeout }, async (planted) => {
    const { plants, sentence } = planted
    const { failure } = await search(plants)
    if (failure === undefined) expect.fail(`it was not found in ${mostSchedules} schedules`)
    expect(failure.violations).toContainEqual(expect.stringMatching(sentence))

    const { least, text } = await explain(failure, `seed ${failure.schedule.seed}`, plants)
    expect(least.violations).not.toEqual([])
    expect(least.schedule.operations.length).toBeLessThan(failure.schedule.operations.length / 2)
    expect(text).toContain(`seed ${failure.schedule.seed} fails`)
  })

  test(`${what}s themselves are not, with the same seeds`, { timeout }, async () => {
    const { failure, schedules } = await search(undefined, 40)
    expect(failure?.violations).toBeUndefined()
    expect(schedules).toBe(40)
  })
}
