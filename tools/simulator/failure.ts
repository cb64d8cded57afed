import { summarize } from '../drill/report.ts'
import type { Plants } from './plants.ts'
import { type Run, simulate } from './run.ts'
import { shrink } from './shrink.ts'
import { renderSchedule, renderTimeline } from './timeline.ts'

/** A failure that a person can read. */
export interface Explanation {
  /** The least schedule that fails, as it ran. */
  readonly least: Run
  readonly text: string
}

/**
 * Shrinks the schedule of a run that failed, and tells what happened in the least one.
 * @param how how to run it again
 */
export async function explain(run: Run, how: string, plants: Plants = {}): Promise<Explanation> {
  const kinds = new Set(run.violations.map(kindOf))
  const { schedule, runs } = await shrink(run.schedule, {
    fails: async (candidate) => (await simulate(candidate, plants)).violations.some((one) => kinds.has(kindOf(one))),
  })
  const least = await simulate(schedule, plants)
  const { operations, faults } = run.schedule
  const text = [
    `${how} fails:`,
    ...indent(summarize(run.violations)),
    '',
    `Shrunk in ${runs} runs from ${operations.length} operations and ${faults.length} faults:`,
    ...indent([renderSchedule(schedule)]),
    '',
    'What is wrong there:',
    ...indent(summarize(least.violations)),
    '',
    'What happened, in virtual seconds since the clients began:',
    renderTimeline(least.trace, least.began),
    '',
  ]
  return { least, text: text.join('\n') }
}

/**
 * What is the same in the sentences of two runs that fail alike: a shorter schedule must not fail for another reason.
 */
function kindOf(violation: string): string {
  const [sentence = ''] = violation.split('\n')
  return sentence.replaceAll(/\d+/g, '0')
}

function indent(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split('\n')).map((line) => `  ${line}`)
}
