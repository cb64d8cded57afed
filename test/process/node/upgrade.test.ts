import { expect, test } from 'vitest'
import { makeDatabase, migrations } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'

test('a node goes on over a newer schema while it is connected, and ends with what to do once it has to connect again', async () => {
  const database = await makeDatabase()
  const directory = makeDirectory()
  const node = await startReadyNode(directory, toEnvironment(database.target))
  const put = (key: string) => fetch(`${node.url}/v1/${key}`, { method: 'PUT', body: 'x' })
  expect((await put('before')).status).toBe(201)

  const newer = migrations.length + 1
  await database.sql('INSERT INTO kvs_migrations (version, name) VALUES ($1, $2)', [newer, 'of the next version'])
  expect((await put('after')).status).toBe(201)
  await database.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'kvs'`)
  expect(await node.ended).toBe(1)
  const sentence = `the database's schema has version ${newer}, and this program knows versions up to ${migrations.length}: run a newer one`
  expect(node.output()).toContain(sentence)

  await database.sql('DELETE FROM kvs_migrations WHERE version = $1', [newer])
  const again = await startReadyNode(directory, toEnvironment(database.target))
  for (const key of ['before', 'after']) expect(await (await fetch(`${again.url}/v1/${key}`)).text()).toBe('x')
})
