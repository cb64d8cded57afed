import { expect, test } from 'vitest'
import { makeDatabase, migrations } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'

test('of nodes that start together on an older schema one migrates it, and all serve', async () => {
  const database = await makeDatabase()
  const nodes = await Promise.all([1, 2, 3].map(() => startReadyNode(makeDirectory(), toEnvironment(database.target))))
  const migrated = nodes.map((node) => node.output().match(/migrated the log/g)?.length ?? 0)
  expect(migrated.toSorted()).toEqual([0, 0, migrations.length])
  await until('each has it', async () => {
    await fetch(`${nodes[0]?.url}/v1/key`, { method: 'PUT', body: 'x' })
    const answers = await Promise.all(nodes.map(({ url }) => fetch(`${url}/v1/key`)))
    return answers.every(({ status }) => status === 200)
  })
})
