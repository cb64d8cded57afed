import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { count } from '../../support/count.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, spawnNode, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { put } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

test('a second node on a data directory is refused, and says what to do', async () => {
  const directory = makeDirectory()
  await startReadyNode(directory)
  const second = spawnNode(directory, {})
  expect(await second.ended).toBe(1)
  expect(second.output()).toMatch(/another node runs on .*KVS_DATA_DIR/)
})

test('every wrong setting is told at once, with exit code 78, and no secret is', async () => {
  const node = spawnNode(makeDirectory(), {
    PORT: 'http',
    KVS_APPEND_TIMEOUT: '10',
    POSTGRES_HOST: 'db',
    POSTGRES_PASSWORD: 'geheim',
    POSTGRES_PASSWORD_FILE: '/nonexistent',
    POSTGRES_SSLMODE: 'verify_full',
  })
  expect(await node.ended).toBe(78)
  for (const name of ['PORT', 'KVS_APPEND_TIMEOUT', 'POSTGRES_PASSWORD_FILE', 'POSTGRES_SSLMODE']) {
    expect(node.output()).toContain(name)
  }
  expect(node.output()).not.toContain('geheim')
})

test('settings come from .env as well, and the environment wins', async () => {
  const directory = makeDirectory()
  writeFileSync(join(directory, '.env'), 'KVS_APPEND_TIMEOUT=wrong\nKVS_MAX_VALUE=1\n')
  const wrong = spawnNode(directory, {})
  expect(await wrong.ended).toBe(78)
  expect(wrong.output()).toMatch(/KVS_APPEND_TIMEOUT/)
  const right = await startNode(directory, { KVS_APPEND_TIMEOUT: '1s' })
  expect(right.output()).toMatch(/KVS_MAX_VALUE is not a setting; did you mean KVS_MAX_VALUE_BYTES\?/)
})

test('a port in use is named', async () => {
  const directory = makeDirectory()
  const { url } = await startNode(directory)
  const second = spawnNode(makeDirectory(), { PORT: new URL(url).port })
  expect(await second.ended).toBe(1)
  expect(second.output()).toMatch(/port \d+ is in use .*set PORT/)
})

test('without its Postgres a node lives, is not ready, and says once what it waits for', async () => {
  const node = await startNode(makeDirectory(), { POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1' })
  await until('it has told', () => node.output().includes('waiting for the log'))
  const ready = await fetch(`${node.url}/readyz`)
  expect([ready.status, await ready.json()]).toEqual([
    503,
    {
      state: 'starting',
      reason:
        'nothing listens at 127.0.0.1:1: is Postgres running there? Else look at POSTGRES_HOST and POSTGRES_PORT, or at DATABASE_URL',
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      replayed: 0,
      total: 0,
      position: null,
      lag: null,
      spool: { on: true, reason: null, writes: 0, bytes: 0, maxBytes: 1024 ** 3 },
    },
  ])
  expect((await fetch(`${node.url}/livez`)).status).toBe(200)
  for (const answer of [await fetch(`${node.url}/v1/a`), await put(node, 'a', 'x')]) {
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await answer.text()).toContain('nothing listens')
  }
  expect(count(node.output(), /waiting for the log/)).toBe(1)
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
})

test('KVS_CONNECT_TIMEOUT bounds the wait', async () => {
  const node = spawnNode(makeDirectory(), {
    POSTGRES_HOST: '127.0.0.1',
    POSTGRES_PORT: '1',
    KVS_CONNECT_TIMEOUT: '300ms',
  })
  expect(await node.ended).toBe(1)
  expect(node.output()).toMatch(/KVS_CONNECT_TIMEOUT: nothing listens/)
})

test('a missing database is named, and served from as soon as it is there', async () => {
  const { target, sql } = await makeDatabase()
  const missing = `${target.database}_later`
  const node = await startNode(makeDirectory(), { ...toEnvironment(target), POSTGRES_DB: missing })
  await until('it has told', () => node.output().includes(`has no database \\"${missing}\\"`))
  await sql(`CREATE DATABASE ${missing} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`)
  onTestFinished(() => sql(`DROP DATABASE ${missing} WITH (FORCE)`).then(() => undefined))
  await until('it is ready', async () => (await fetch(`${node.url}/readyz`)).ok)
})
