import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { drills } from '../../tools/drill/drills.ts'
import { summarize } from '../../tools/drill/report.ts'
import { runDrill } from '../../tools/drill/run.ts'
import { startComposeStack } from '../../tools/drill/stack/compose.ts'
import { buildDrillImage, type DrillImage } from '../../tools/drill/stack/drill-image.ts'
import { describeWithDocker } from './docker.ts'

const seed = randomInt(1_000_000)

describeWithDocker('the drills', () => {
  let image: DrillImage

  beforeAll(async () => {
    image = await buildDrillImage()
  }, 900_000)

  afterAll(() => image?.remove())

  test.for(drills)('$name', { timeout: 400_000 }, async (drill, { signal }) => {
    let output = ''
    const result = await runDrill(drill, {
      ...{ seed, seconds: 5, signal },
      makeStack: (options) => startComposeStack(image.name, options),
      onEnd: (end) => {
        output = end.output
      },
    })
    const { passed, acknowledged, faults, readsChecked } = result
    const violations = summarize(result.violations)
    const story = `${JSON.stringify({ ...result, violations })}\n${output.slice(-4_000)}`
    expect({ passed, violations }, story).toEqual({ passed: true, violations: [] })
    // A drill in which nothing happened shows nothing.
    for (const count of [acknowledged, faults, readsChecked]) expect(count).toBeGreaterThan(0)
  })
})
