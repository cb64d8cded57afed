import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { summarize } from '../../tools/drill/report.ts'
import { cut } from '../../tools/drill/sites/faults/cuts.ts'
import type { SitesDrill } from '../../tools/drill/sites/sites-drill.ts'
import { sitesDrills } from '../../tools/drill/sites/sites-drills.ts'
import { runSitesDrill, type SitesRunOptions } from '../../tools/drill/sites/sites-run.ts'
import { startSitesStack } from '../../tools/drill/sites/sites-stack.ts'
import { buildClockedPostgres, buildDrillImage, type DrillImage } from '../../tools/drill/stack/drill-image.ts'
import { makeRequester, type Requester } from '../../tools/drill/workload/request.ts'
import { describeWithDocker } from './docker.ts'

const seed = randomInt(1_000_000)

/** Faults follow each other for this long, in seconds; most drills take longer for one round of them. */
const secondsOf = ({ name }: SitesDrill) => (name === 'sites-random' ? 60 : 1)

/** Asks without what the session has seen, though the session believes that it said so. */
function forgetful(url: string, timeoutMs: number): Requester {
  const requester = makeRequester(url, timeoutMs)
  return {
    ...requester,
    get: (key, demands) => requester.get(key, { ...demands, minPosition: undefined }),
    put: (key, value, demands) => requester.put(key, value, { ...demands, minPosition: undefined }),
    remove: (key, demands) => requester.remove(key, { ...demands, minPosition: undefined }),
  }
}

/** Two sites that can't talk for a while. */
const oneCut: SitesDrill = {
  name: 'one-cut',
  sentence: 'Two sites are cut off from each other.',
  needsContainers: true,
  shape: { sites: 2, nodes: 1 },
  fault: (context) => cut(context, ['a'], ['b'], 'packets'),
}

describeWithDocker('the drills of sites', () => {
  const images: DrillImage[] = []
  let node = ''
  let postgres = ''

  beforeAll(async () => {
    for (const build of [buildDrillImage, buildClockedPostgres]) images.push(await build())
    const [first, second] = images
    node = first?.name ?? ''
    postgres = second?.name ?? ''
  }, 900_000)

  afterAll(async () => {
    for (const image of images) await image.remove()
  }, 60_000)

  async function run(drill: SitesDrill, options: Pick<SitesRunOptions, 'seconds' | 'signal' | 'connect'>) {
    let output = ''
    const result = await runSitesDrill(drill, {
      ...{ seed, ...options },
      startStack: (shape) => startSitesStack({ node, postgres }, shape),
      onEnd: (end) => {
        output = end.output
      },
    })
    const violations = summarize(result.violations)
    return { ...result, violations, story: `${JSON.stringify({ ...result, violations })}\n${output.slice(-4_000)}` }
  }

  test.for(sitesDrills)('$name', { timeout: 600_000 }, async (drill, { signal }) => {
    const result = await run(drill, { seconds: secondsOf(drill), signal })
    const { passed, violations, acknowledged, faults, readsChecked, story } = result
    expect({ passed, violations }, story).toEqual({ passed: true, violations: [] })
    // A drill in which nothing happened shows nothing.
    for (const count of [acknowledged, faults, readsChecked]) expect(count).toBeGreaterThan(0)
  })

  test('sites that are not told what a session has seen are found out', { timeout: 600_000 }, async ({ signal }) => {
    const { passed, violations, story } = await run(oneCut, { seconds: 8, signal, connect: forgetful })
    expect(passed, story).toBe(false)
    expect(violations, story).toContainEqual(
      expect.stringMatching(/which its session had seen|no later stamp than what/),
    )
  })
})
