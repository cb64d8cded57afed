import { expect, test } from 'vitest'
import { makeDirectory, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { startProxy } from '../../support/proxy.ts'
import { put, reaches, text } from '../../support/requests.ts'

test('a write spooled behind a partition never overwrites what another node has committed meanwhile', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket)
  const cut = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '500ms' })
  const other = await startReadyNode(makeDirectory(), postgres.environment)
  await put(cut, 'both', 'old')
  proxy.cut()
  await reaches(cut, 'log down')
  for (const key of ['both', 'mine', 'both']) expect((await put(cut, key, 'spooled')).status).toBe(202)
  expect((await put(other, 'both', 'committed')).status).toBe(201)
  expect(await text(cut, 'both')).toBe('spooled')
  proxy.heal()
  await reaches(cut, 'serving')
  expect([await text(cut, 'both'), await text(cut, 'mine')]).toEqual(['committed', 'spooled'])
  expect((await put(cut, 'both', 'newer')).status).toBe(201)
  await put(other, 'x', 'x') // reads on
  expect([await text(other, 'both'), await text(other, 'mine')]).toEqual(['newer', 'spooled'])
  expect((await postgres.log()).map((row) => [row.key, row.value, row.superseded])).toEqual([
    ['both', 'old', false],
    ['both', 'committed', false],
    ['both', 'spooled', true],
    ['mine', 'spooled', false],
    ['both', 'spooled', true],
    ['both', 'newer', false],
    ['x', 'x', false],
  ])
})
