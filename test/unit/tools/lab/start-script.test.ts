import { expect, test } from 'vitest'
import { root } from '../../../../tools/lab/paths.ts'
import { readStartScript } from '../../../../tools/lab/start-script.ts'

test('what npm start sets is found for who runs the service in the same way', () => {
  const { env, node } = readStartScript()
  expect(env).toEqual({ NODE_COMPILE_CACHE: `${root}node_modules/.cache/kvs` })
  expect(node).toEqual([expect.stringMatching(/^--max-semi-space-size=\d+$/)])
})
