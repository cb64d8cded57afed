import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { startMain } from '../../support/main.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'

test('a restart serves its log when the search_path has moved to an empty schema, and says so', async () => {
  const database = await makeDatabase()
  const { user, database: name } = database.target
  const directory = makeDirectory()
  const first = await startReadyNode(directory, toEnvironment(database.target))
  expect((await fetch(`${first.url}/v1/a`, { method: 'PUT', body: '1' })).status).toBe(201)
  first.kill('SIGTERM')
  expect(await first.ended).toBe(0)

  await database.sql('CREATE SCHEMA empty')
  await database.sql(`ALTER ROLE ${user} IN DATABASE ${name} SET search_path = empty`)
  const again = await startReadyNode(directory, toEnvironment(database.target))
  expect(await (await fetch(`${again.url}/v1/a`)).text()).toBe('1')
  expect((await fetch(`${again.url}/v1/b`, { method: 'PUT', body: '2' })).status).toBe(201)
  expect(again.output()).toMatch(/of this node is in the schema public, and is used there; the search_path of user/)

  const beside = await startReadyNode(directory, toEnvironment(database.target))
  expect(await (await fetch(`${beside.url}/v1/b`)).text()).toBe('2')
  expect(beside.output()).toMatch(/slot 2: .*in the schema public, and is used there/s)
  const checked = startMain(['--check'], { cwd: directory, env: toEnvironment(database.target) })
  expect(checked.stdout).toMatch(/the log \w+ with 2 entries; the log \w+ of this node is in the schema public/)
  expect(checked.status).toBe(0)
  for (const node of [beside, again]) {
    node.kill('SIGTERM')
    expect(await node.ended).toBe(0)
  }
  expect(await database.sql('SELECT count(*)::int AS entries FROM public.transactions')).toEqual([{ entries: 2 }])
  expect(await database.sql(`SELECT FROM pg_class WHERE relnamespace = 'empty'::regnamespace`)).toEqual([])

  const stranger = await startReadyNode(directory, {
    ...toEnvironment(database.target),
    KVS_DATA_DIR: join(directory, 'other'),
  })
  expect((await fetch(`${stranger.url}/v1/a`)).status).toBe(404)
  expect(stranger.output()).toMatch(
    /a new log is begun in the schema empty, .*; the database has one in public \(\w+\), too/,
  )
})
