import { expect, test } from 'vitest'
import { examplesIn, expectAsShown, isAsShown } from '../../support/console-blocks.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'

test.each(['Expiry', 'Lists', 'Transactions and counters'])(
  'what docs/api.md shows of curl in %s is what a fresh node prints',
  async (heading) => {
    const env = toEnvironment((await makeDatabase()).target)
    const { url } = await startReadyNode(makeDirectory(), { ...env, KVS_ALLOW_CLEAR: 'true' })
    const examples = examplesIn('docs/api.md', heading)
    expect(examples.length).toBeGreaterThan(4)
    for (const example of examples) await expectAsShown(example, url)
  },
)

test('a line that a document shows has to be printed, and none beside it but where it says so', () => {
  expect(isAsShown(['a', 'b', 'c'], ['a', 'b', 'c'])).toBe(true)
  expect(isAsShown(['a', 'b', 'c'], ['a', '…', 'c'])).toBe(true)
  expect(isAsShown(['a', 'c'], ['a', '…', 'c'])).toBe(true)
  expect(isAsShown(['a', 'b', 'c'], ['a', '…'])).toBe(true)
  expect(isAsShown(['a', 'b', 'c'], ['a', 'c'])).toBe(false)
  expect(isAsShown(['a', 'b'], ['a', '…', 'c'])).toBe(false)
  expect(isAsShown(['a', 'b'], [])).toBe(false)
  expect(isAsShown([], ['a'])).toBe(false)
})
