import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { makeDirectory, spawnNode, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { startProxy } from '../../support/proxy.ts'
import { put, reaches, status, text } from '../../support/requests.ts'

test('a write that the log does not answer is spooled under its number, and lands once whichever way it went', async () => {
  const postgres = await startPostgres()
  const node = await startReadyNode(makeDirectory(), { ...postgres.environment, POSTGRES_TIMEOUT: '300ms' })
  await put(node, 'a', '0')
  const blocker = await postgres.connect()
  for (let round = 1; round <= 6; round++) {
    await blocker.query('BEGIN; LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE')
    const stored = await put(node, 'a', String(round))
    expect(stored.status).toBe(202)
    expect(await text(node, 'a')).toBe(String(round))
    // In some rounds the statement has been given up by then, in others it still waits, and commits.
    await sleep(Math.random() * 1_500)
    await blocker.query('COMMIT')
    await reaches(node, 'serving')
    expect(await text(node, 'a')).toBe(String(round))
  }
  expect((await postgres.log()).map((row) => row.value)).toEqual(['0', '1', '2', '3', '4', '5', '6'])
})

test('a black hole is noticed while nothing is written, and the connection in it never used again', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket)
  const node = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '500ms' })
  await put(node, 'a', '1')
  proxy.blackhole()
  await reaches(node, 'log down')
  expect((await status(node)).reason).toMatch(/does not answer/)
  expect((await put(node, 'a', '2')).status).toBe(202)
  proxy.heal()
  await reaches(node, 'serving')
  expect((await put(node, 'a', '3')).status).toBe(201)
  expect((await postgres.log()).map((row) => row.value)).toEqual(['1', '2', '3'])
})

test('one whose spool is empty does not, though its node was killed', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const first = await startReadyNode(directory, postgres.environment)
  await postgres.stop()
  await reaches(first, 'log down')
  expect((await put(first, 'a', '1')).status).toBe(202)
  await postgres.start()
  await reaches(first, 'serving')
  first.kill('SIGKILL')
  await first.ended
  rmSync(join(directory, 'data', 'node.db'))
  mkdirSync(join(directory, 'data', 'node.db'))
  const second = await startReadyNode(directory, postgres.environment)
  expect((await status(second)).spool).toMatchObject({ on: false, reason: expect.stringContaining('can’t be used') })
  expect(await text(second, 'a')).toBe('1')
})

test('a start on another log than the last one is told', async () => {
  const [postgres, another] = await Promise.all([startPostgres(), startPostgres()])
  const directory = makeDirectory()
  const first = await startReadyNode(directory, postgres.environment)
  first.kill('SIGTERM')
  await first.ended
  const second = await startReadyNode(directory, another.environment)
  expect(second.output()).toMatch(/this is the log [0-9a-f]{8}; the last one of this node was [0-9a-f]{8}/)
})

test('a directory that can’t be used and may hold a spool ends the start, whatever Postgres says', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  const first = await startReadyNode(directory, postgres.environment)
  await postgres.stop()
  await reaches(first, 'log down')
  expect((await put(first, 'a', '1')).status).toBe(202)
  first.kill('SIGKILL')
  await first.ended
  await postgres.start()
  rmSync(join(directory, 'data', 'node.db'))
  mkdirSync(join(directory, 'data', 'node.db'))
  const second = spawnNode(directory, postgres.environment)
  expect(await second.ended).toBe(1)
  expect(second.output()).toMatch(/can’t be used .*it may hold writes that are nowhere else, so make it usable again/)
})

test('what a node keeps is for its owner alone', async () => {
  const postgres = await startPostgres()
  const directory = makeDirectory()
  await startReadyNode(directory, postgres.environment)
  for (const name of ['node.db', 'spool.db', 'spool.db-wal']) {
    expect(statSync(join(directory, 'data', name)).mode & 0o777).toBe(0o600)
  }
})
