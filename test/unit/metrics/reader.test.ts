import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('out-of-descriptors.ts', import.meta.url))

// With one descriptor left the loading fails if it happens to need two at a time. It must not go on failing.
test.each([
  [0, /^failed read$/],
  [1, /^(failed|read) read$/],
])('metrics that could not be loaded with %i descriptors left are there once there are more', (free, outcomes) => {
  const args = ['-c', 'ulimit -n 128 && exec "$@"', 'sh', process.execPath, program, String(free)]
  expect(execFileSync('sh', args, { encoding: 'utf8' })).toMatch(outcomes)
})
