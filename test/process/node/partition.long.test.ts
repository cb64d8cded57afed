import { expect, test } from 'vitest'
import { makeDirectory, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { startProxy } from '../../support/proxy.ts'
import { put, reaches, text } from '../../support/requests.ts'

test('a spooled write is not overtaken by one that was overtaken itself', async () => {
  const postgres = await startPostgres()
  const [toA, toB] = [await startProxy(postgres.socket), await startProxy(postgres.socket)]
  const startNodeAt = (port: number) =>
    startReadyNode(makeDirectory(), { ...postgres.through(port), POSTGRES_TIMEOUT: '500ms' })
  const [a, b] = [await startNodeAt(toA.port), await startNodeAt(toB.port)]
  toB.cut()
  await reaches(b, 'log down')
  expect((await put(b, 'k', 'b')).status).toBe(202)
  expect((await put(a, 'k', 'seen by a')).status).toBe(201)
  toA.cut()
  await reaches(a, 'log down')
  expect((await put(a, 'k', 'a')).status).toBe(202)
  toB.heal()
  await reaches(b, 'serving')
  toA.heal()
  await reaches(a, 'serving')
  expect(await text(a, 'k')).toBe('a')
  expect((await postgres.log()).map((row) => [row.value, row.superseded])).toEqual([
    ['seen by a', false],
    ['b', true],
    ['a', false],
  ])
})

test('a batch that the network delivers when it is in the spool already overwrites nothing newer', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket)
  const cut = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '500ms' })
  const other = await startReadyNode(makeDirectory(), postgres.environment)
  expect((await put(cut, 'k', 'old')).status).toBe(201)
  proxy.hold()
  expect((await put(cut, 'k', 'late')).status).toBe(202)
  expect((await put(other, 'k', 'newer')).status).toBe(201)
  proxy.release()
  await reaches(cut, 'serving')
  expect((await postgres.log()).map((row) => [row.value, row.superseded])).toEqual([
    ['old', false],
    ['newer', false],
    ['late', true],
  ])
  expect([await text(cut, 'k'), await text(other, 'k')]).toEqual(['newer', 'newer'])
})

test('a node that comes back catches up, and takes writes, beside one that writes all the time', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket, { latencyMs: 30 })
  const busy = await startReadyNode(makeDirectory(), postgres.environment)
  const far = await startReadyNode(makeDirectory(), postgres.through(proxy.port))
  let stops = false
  const writing = Array.from({ length: 4 }, async () => {
    while (!stops) expect((await put(busy, 'k', 'x')).status).toBe(201)
  })
  proxy.cut()
  await reaches(far, 'log down')
  expect((await put(far, 'a', 'spooled')).status).toBe(202)
  proxy.heal()
  await reaches(far, 'serving')
  expect((await put(far, 'a', 'committed')).status).toBe(201)
  stops = true
  await Promise.all(writing)
})
