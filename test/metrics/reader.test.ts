import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('out-of-descriptors.ts', import.meta.url))

// What is loaded is more than one file: with 1 descriptor left, it is another one that fails.
test.each([0, 1])('metrics that could not be loaded with %i descriptors left are there once there are more', (free) => {
  const args = ['-c', 'ulimit -n 128 && exec "$@"', 'sh', process.execPath, program, String(free)]
  expect(execFileSync('sh', args, { encoding: 'utf8' })).toBe('failed read')
})
