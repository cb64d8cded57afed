import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { makeDirectory, startNode, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { startProxy } from '../../support/proxy.ts'
import { put, reaches, status, text } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

test('a node killed again and again while its spool drains has each write land once, in order', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  let node = await startReadyNode(directory, postgres.environment)
  await postgres.stop()
  await reaches(node, 'log down')
  const total = 8_000
  let next = 0
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (next < total) {
        const n = next++
        expect((await put(node, `k${n % 64}`, String(n))).status).toBe(202)
      }
    }),
  )
  node.kill('SIGKILL')
  await node.ended
  await postgres.start()
  for (let kill = 0; kill < 6; kill++) {
    node = await startNode(directory, postgres.environment)
    await until('it drains, or is done', async () => /log down|serving/.test((await status(node)).state))
    await sleep(Math.random() * 60) // the random moment
    node.kill('SIGKILL')
    await node.ended
  }
  node = await startReadyNode(directory, postgres.environment)
  await reaches(node, 'serving')
  const log = await postgres.log()
  expect(log).toHaveLength(total)
  expect(new Set(log.map((row) => row.value)).size).toBe(total)
  for (let k = 0; k < 64; k++) {
    // One client at a time had each key but for the last few, so that its values rise.
    const last = log.findLast((row) => row.key === `k${k}`)
    expect(await text(node, `k${k}`)).toBe(last?.value)
  }
})

test('a drain comes to an end beside clients that write as fast as they can', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), postgres.environment)
  await postgres.stop()
  await reaches(node, 'log down')
  const large = 'x'.repeat(64 * 1024)
  let stops = false
  const writing = Array.from({ length: 100 }, async (_, client) => {
    while (!stops) expect((await put(node, `k${client}`, large)).ok).toBe(true)
  })
  await until('there is much in the spool', async () => (await status(node)).spool.writes > 500)
  await postgres.start()
  await reaches(node, 'serving')
  stops = true
  await Promise.all(writing)
})

test('small writes are taken while a few hundred large ones are drained', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), { ...postgres.environment, KVS_APPEND_TIMEOUT: '2s' })
  await postgres.stop()
  await reaches(node, 'log down')
  const large = 'x'.repeat(1024 * 1024)
  for (let n = 0; n < 200; n++) expect((await put(node, `k${n}`, large)).status).toBe(202)
  await postgres.start()
  while ((await status(node)).state !== 'serving') expect((await put(node, 'small', 'x')).ok).toBe(true)
})

test('a spool that a narrow network can’t take in whole batches is drained in smaller ones', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket, { bytesPerSecond: 1_000_000 })
  const node = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '1s' })
  await postgres.stop()
  await reaches(node, 'log down')
  const value = 'x'.repeat(20_000)
  for (let n = 0; n < 150; n++) expect((await put(node, `k${n}`, value)).status).toBe(202)
  await postgres.start()
  await reaches(node, 'serving')
  expect(await postgres.log()).toHaveLength(150)
})

test('a log that a narrow network can’t carry in whole pages is replayed in smaller ones', async () => {
  const postgres = await startPostgres()
  const first = await startReadyNode(makeDirectory(), postgres.environment)
  const value = 'x'.repeat(100_000)
  for (let n = 0; n < 20; n++) expect((await put(first, `k${n}`, value)).status).toBe(201)
  const proxy = await startProxy(postgres.socket, { bytesPerSecond: 1_000_000 })
  const far = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '1s' })
  expect(await text(far, 'k19')).toBe(value)
})

test('what is written while the spool drains comes after it, key by key', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), postgres.environment)
  const acknowledged = new Map<string, string[]>()
  let stops = false
  const writing = Array.from({ length: 32 }, async (_, client) => {
    const values: string[] = []
    acknowledged.set(`k${client}`, values)
    for (let n = 0; !stops; n++) {
      expect((await put(node, `k${client}`, String(n))).ok).toBe(true)
      values.push(String(n))
    }
  })
  for (let round = 0; round < 3; round++) {
    await postgres.stop()
    await reaches(node, 'log down')
    await sleep(500)
    await postgres.start()
    await reaches(node, 'serving')
  }
  stops = true
  await Promise.all(writing)
  const log = await postgres.log()
  for (const [key, values] of acknowledged) {
    expect(log.filter((row) => row.key === key).map((row) => row.value)).toEqual(values)
    expect(await text(node, key)).toBe(values.at(-1))
  }
})

test('a spool is never drained into a log that it is not for', async () => {
  const [postgres, another] = await Promise.all([startPostgres(), startPostgres()])
  const directory = makeDirectory()
  const first = await startReadyNode(directory, postgres.environment)
  await postgres.stop()
  await reaches(first, 'log down')
  await put(first, 'a', '1')
  first.kill('SIGKILL')
  await first.ended
  const astray = await startNode(directory, another.environment)
  await reaches(astray, 'log diverged')
  expect((await status(astray)).reason).toMatch(
    /the spool holds writes \(1\) for the log [0-9a-f]{8}, and this is the log/,
  )
  expect(await another.log()).toEqual([])
  astray.kill('SIGTERM')
  await astray.ended
  await postgres.start()
  const back = await startReadyNode(directory, postgres.environment)
  await reaches(back, 'serving')
  expect(await text(back, 'a')).toBe('1')
})
