import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { shared } from './vitest.config.ts'

/** Files that take minutes, the longest first. */
const longest = ['container/drills', 'container/sites-drills', 'node/crash', 'broken/broken', 'container/observe']

/** Begins with the longest files, so that none of them runs on alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((name) => moduleId.includes(name))
      return found < 0 ? longest.length : found
    }
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other))
  }
}

/** The campaigns: drills in containers, hundreds of kills, long fuzzing, images built twice. */
export default defineConfig({
  test: { ...shared, include: ['test/**/*.long.test.ts'], sequence: { sequencer: LongestFirst } },
})
