import { expect, test } from 'vitest'
import { examplesIn, runExample, withoutVarying } from '../../support/console-blocks.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'

test.each([['docs/api.md', 'Expiry']])('the examples of %s, %s, come to what it shows', async (document, heading) => {
  const node = await startReadyNode(makeDirectory(), toEnvironment((await makeDatabase()).target))
  const examples = examplesIn(document, heading)
  expect(examples.length).toBeGreaterThan(3)
  for (const example of examples) {
    const output = await runExample(example, node.url)
    expect(`$ ${example.command}\n${withoutVarying(output)}`).toBe(
      `$ ${example.command}\n${withoutVarying(example.output)}`,
    )
  }
})
