import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { summarize } from '../../tools/drill/report.ts'
import { startComposeRing } from '../../tools/drill/ring/ring-compose.ts'
import type { RingDrill } from '../../tools/drill/ring/ring-drill.ts'
import { ringDrills } from '../../tools/drill/ring/ring-drills.ts'
import { type RingRunOptions, runRingDrill } from '../../tools/drill/ring/ring-run.ts'
import { buildDrillImage, type DrillImage } from '../../tools/drill/stack/drill-image.ts'
import { makeRequester, type Requester } from '../../tools/drill/workload/request.ts'
import { describeWithDocker } from './docker.ts'

const seed = randomInt(1_000_000)

/** Enough keys for a change to take a moment, and few enough for a short test. */
const bulk = 1_000

/** Asks for every PUT twice, though the client believes that it did so once. */
function insistent(url: string, timeoutMs: number): Requester {
  const requester = makeRequester(url, timeoutMs)
  return {
    ...requester,
    async put(key, value, demands) {
      await requester.put(key, value, { ...demands, idempotencyKey: undefined })
      return requester.put(key, value, { ...demands, idempotencyKey: undefined })
    },
  }
}

function find(name: string): RingDrill {
  const drill = ringDrills.find((candidate) => candidate.name === name)
  if (drill === undefined) throw new Error(`there is no drill ${name}`)
  return drill
}

describeWithDocker('the drills of a ring', () => {
  let image: DrillImage

  beforeAll(async () => {
    image = await buildDrillImage()
  }, 900_000)

  afterAll(() => image?.remove(), 60_000)

  async function run(drill: RingDrill, options: Pick<RingRunOptions, 'seconds' | 'signal' | 'connect'>) {
    let output = ''
    const result = await runRingDrill(drill, {
      ...{ seed, bulk, ...options },
      startStack: () => startComposeRing(image.name),
      onEnd: (end) => {
        output = end.output
      },
    })
    const told = JSON.stringify({ ...result, violations: summarize(result.violations) })
    return { ...result, story: `${told}\n${output.slice(-4_000)}` }
  }

  test('members that are killed lose nothing', { timeout: 600_000 }, async ({ signal }) => {
    const { passed, violations, acknowledged, faults, readsChecked, story } = await run(find('ring-random'), {
      ...{ seconds: 20, signal },
    })
    expect({ passed, violations }, story).toEqual({ passed: true, violations: [] })
    // A drill in which nothing happened shows nothing.
    for (const count of [acknowledged, faults, readsChecked]) expect(count).toBeGreaterThan(0)
  })

  test('writes that are done twice are found out', { timeout: 600_000 }, async ({ signal }) => {
    const { passed, violations, story } = await run(find('ring-moves'), { seconds: 1, signal, connect: insistent })
    expect(passed, story).toBe(false)
    expect(violations, story).toContainEqual(expect.stringMatching(/ is in the log twice, as entry \d+ of node-\d/))
  })
})
