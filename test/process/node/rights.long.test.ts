import { join } from 'node:path'
import { expect, test } from 'vitest'
import { slotPath } from '../../../kvs/slots/slot-paths.ts'
import { makeLog } from '../../support/database.ts'
import { put } from '../../support/entries.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { leaveSlot } from '../../support/slots.ts'
import { until } from '../../support/until.ts'
import { grantDaily, makeRoles } from './database-roles.ts'

test('a role that may CREATE in the schema makes the log, and one with the listed rights alone does all the daily work', async () => {
  const { database, worker, asMaker, asWorker } = await makeRoles()
  await (await makeLog(asMaker).open()).close()
  await grantDaily(database, worker)

  const directory = makeDirectory()
  const data = join(directory, 'data')
  const node = await startReadyNode(directory, toEnvironment(asWorker.target))
  const send = (key: string, init: RequestInit) => fetch(`${node.url}/v1/${key}`, init)
  expect((await send('a', { method: 'PUT', body: '1' })).status).toBe(201)
  expect((await send('a', { method: 'PUT', body: '2', headers: { 'If-None-Match': '*' } })).status).toBe(412)
  const once = { method: 'PUT', body: '3', headers: { 'Idempotency-Key': 'k' } }
  expect((await send('b', once)).status).toBe(201)
  expect((await send('b', once)).status).toBe(201)
  expect((await send('a', { method: 'DELETE' })).status).toBe(200)
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)

  // What it had spooled, and what a node that is gone had
  const session = await makeLog(asWorker).open()
  const end = (await session.read(0n)).at(-1)
  const seen = { logId: session.head.logId, sequence: end?.sequence ?? 0n, digest: end?.digest ?? Buffer.alloc(0) }
  await session.close()
  await leaveSlot(data, [put('own')], seen, 1_000n)
  await leaveSlot(slotPath(data, 2), [put('theirs')], seen)
  const again = await startReadyNode(directory, toEnvironment(asWorker.target))
  await until('it has taken over', () => again.output().includes('took over the spool of a node that is gone'))
  expect(again.output()).toContain('spooled writes that are in the log now: 1')
  for (const key of ['b', 'own', 'theirs'])
    await until(`it has ${key}`, async () => (await fetch(`${again.url}/v1/${key}`)).ok)
  expect(again.output()).not.toMatch(/lacks|permission/)
  again.kill('SIGTERM')
  expect(await again.ended).toBe(0)
})
