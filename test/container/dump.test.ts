import { readFileSync } from 'node:fs'
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { maxDeadline } from '../../kvs/core/limits.ts'
import { makeLog } from '../support/database.ts'
import { put, remove } from '../support/entries.ts'
import { readAll } from '../support/read-all.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

let container: StartedTestContainer

async function run(command: string): Promise<void> {
  const { exitCode, output } = await container.exec(['bash', '-euc', `export PGUSER=kvs; ${command}`])
  if (exitCode !== 0) throw new Error(`${command} failed in the container:\n${output}`)
}

/** The options of a program in one of the scripts in compose/. */
function optionsIn(script: string, program: string): string {
  const text = readFileSync(new URL(`../../compose/${script}`, import.meta.url), 'utf8')
  const [, options] = new RegExp(`${program}((?: --(?!username)[a-z=-]+)+)`).exec(text) ?? []
  if (options === undefined) throw new Error(`compose/${script} runs no ${program}`)
  return options
}

function logIn(database: string) {
  const server = { host: '127.0.0.1', port: container.getMappedPort(5432), user: 'kvs', password: 'kvs' }
  return makeLog({ target: { ...server, database, applicationName: 'kvs', tls: { mode: 'disable' } } })
}

describeWithDocker('a dump of Postgres 17', () => {
  beforeAll(async () => {
    container = await new GenericContainer('postgres:17')
      .withEnvironment({ POSTGRES_USER: 'kvs', POSTGRES_PASSWORD: 'kvs', POSTGRES_DB: 'kvs' })
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forSuccessfulCommand('pg_isready -q -h 127.0.0.1 -U kvs'))
      .withStartupTimeout(180_000)
      .start()
  })
  afterAll(() => container?.stop({ removeVolumes: true }))

  test('has the time and the deadline of each entry, and a log that goes on', async () => {
    const session = await logIn('kvs').open()
    await session.append([{ ...put('a'), deadline: 1_893_456_000_123 }, put('b'), { ...put('c'), deadline: 0 }])
    await session.append([
      { ...remove('c'), deadline: 0 },
      { ...put('d'), deadline: maxDeadline },
    ])
    const entries = await readAll(session)
    await run(`pg_dump${optionsIn('backup', 'pg_dump')} kvs >/tmp/kvs.dump; createdb restored`)
    await run(`pg_restore${optionsIn('restore', 'pg_restore')} --dbname=restored /tmp/kvs.dump`)
    const restored = await logIn('restored').open()
    expect(await readAll(restored)).toEqual(entries.map((entry) => ({ ...entry, isOwn: false })))
    expect((await restored.append([{ ...put('e'), deadline: 1 }])).sequence).toBe(6n)
    await expect(restored.append([{ ...put('e'), deadline: -1 }])).rejects.toThrow('deadline_in_range')
    await Promise.all([session.close(), restored.close()])
  })
})
