import { describe, expect, test } from 'vitest'
import { obstacleToDocker } from '../../tools/lab/docker.ts'

const isRequired = process.env.CI === 'true' || process.env.KVS_REQUIRE_DOCKER === '1'

/**
 * A suite that needs Docker with Compose. Where that can't be used it is skipped with a line on stderr, or fails where
 * CI=true or KVS_REQUIRE_DOCKER=1 says that nothing may be skipped.
 */
export function describeWithDocker(name: string, suite: () => void): void {
  const obstacle = obstacleToDocker()
  if (obstacle === undefined) {
    describe(name, suite)
  } else if (isRequired) {
    describe(name, () => test('needs Docker', () => expect.fail(`Docker can’t be used: ${obstacle}`)))
  } else {
    process.stderr.write(`SKIPPED, since Docker can’t be used (${obstacle}): ${name}\n`)
    describe.skip(name, suite)
  }
}
