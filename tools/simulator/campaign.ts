import { generateSchedule } from './generator.ts'
import type { Plants } from './plants.ts'
import { type Run, simulate } from './run.ts'
import type { Schedule } from './schedule.ts'

/** What a campaign comes to. */
export interface Campaign {
  readonly schedules: number
  readonly operations: number
  readonly faults: number
  readonly simulatedMs: number
  /** Keys of which the checker could not tell in time whether they are linearizable. */
  readonly undecidedKeys: number
  /** The first run that failed; undefined where none did. */
  readonly failure: Run | undefined
}

export interface CampaignOptions {
  readonly from: number
  /** Whether there is time for another seed. */
  readonly goesOn: () => boolean
  readonly plants?: Plants
  readonly generate?: (seed: number) => Schedule
}

/** Runs one seed after another until one fails. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const { from, goesOn, plants = {}, generate = generateSchedule } = options
  const sums = { schedules: 0, operations: 0, faults: 0, simulatedMs: 0, undecidedKeys: 0 }
  for (let seed = from; goesOn(); seed++) {
    const run = await simulate(generate(seed), plants)
    sums.schedules++
    sums.operations += run.history.operations.length
    sums.faults += run.history.faults.length
    sums.simulatedMs += run.simulatedMs
    sums.undecidedKeys += run.undecidedKeys
    if (run.violations.length > 0) return { ...sums, failure: run }
    // A signal is handled between seeds: within one nothing real is waited for.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { ...sums, failure: undefined }
}
