import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { PostgresTarget } from '../../kvs/config/postgres-target.ts'
import { Undecided } from '../../kvs/log/log.ts'
import { type Connection, connect } from '../../kvs/log/postgres/connection.ts'
import { isRolledBack } from '../../kvs/log/postgres/postgres-errors.ts'
import { sessionSettings } from '../../kvs/log/postgres/session-settings.ts'
import { makeLog } from '../support/database.ts'
import { put } from '../support/entries.ts'
import { until } from '../support/until.ts'
import { isHarmless, settingsOfRoles } from '../unit/log/postgres/harmless-settings.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

let container: StartedTestContainer
let target: PostgresTarget

async function run(...command: string[]): Promise<string> {
  const { exitCode, output } = await container.exec(command)
  if (exitCode !== 0) throw new Error(`${command.join(' ')} failed in the container:\n${output}`)
  return output.trim()
}

const sql = (text: string) => run('psql', '-XAtqU', 'kvs', '-c', text)

async function reconfigure(setting: string, value: string): Promise<void> {
  await sql(`ALTER SYSTEM SET ${setting} = '${value}'`)
  await sql('SELECT pg_reload_conf()')
  await until('the server has it', async () => (await sql(`SHOW ${setting}`)) === value)
}

describeWithDocker('a Postgres 17 that speaks Russian', () => {
  beforeAll(async () => {
    const password = 'correct horse'
    container = await new GenericContainer('postgres:17')
      .withEnvironment({ POSTGRES_USER: 'kvs', POSTGRES_PASSWORD: password, POSTGRES_DB: 'kvs' })
      .withExposedPorts(5432)
      // Not while the image makes the database, when only the socket is served
      .withWaitStrategy(Wait.forSuccessfulCommand('pg_isready -q -h 127.0.0.1 -U kvs'))
      .withStartupTimeout(180_000)
      .start()
    // Outside the archive of locales, which the running server has read already
    await run('localedef', '--no-archive', '-i', 'ru_RU', '-f', 'UTF-8', 'ru_RU.UTF-8')
    await reconfigure('lc_messages', 'ru_RU.UTF-8')
    const tls = { mode: 'disable' } as const
    target = {
      ...{ host: '127.0.0.1', port: container.getMappedPort(5432), database: 'kvs', user: 'kvs', password },
      ...{ applicationName: 'kvs', tls },
    }
  })
  afterAll(() => container?.stop({ removeVolumes: true }))

  const ask = async (connection: Connection, text: string) =>
    connection.query({ text }).then(
      () => expect.fail('an error was to come'),
      (error) => error,
    )

  test('has its errors told from those that end the connection', async () => {
    const connection = await connect(target, 10_000)
    const answered = await ask(connection, 'SELECT 1/0')
    expect(answered.message).toMatch(/деление на ноль/)
    expect(isRolledBack(answered)).toBe(true)
    await connection.query({ text: `SET transaction_timeout = '10ms'` })
    const ended = await ask(connection, 'SELECT pg_sleep(600)')
    expect(ended).toMatchObject({ code: '25P04', message: expect.stringMatching(/[а-я]/) })
    expect(isRolledBack(ended)).toBe(false)
    await connection.lost
  })

  test('has a COPY that fails told in the same way', async () => {
    const connection = await connect(target, 10_000)
    const failed = await connection.copy('COPY (SELECT 1/0) TO STDOUT', () => undefined).catch((error) => error)
    expect(isRolledBack(failed)).toBe(true)
    expect((await connection.query({ text: 'SELECT 1' })).rows).toEqual([[1]])
    await connection.close()
  })

  test('acknowledges nothing where a wait for a standby is cut short, and that is silenced', async () => {
    await sql(`ALTER ROLE kvs SET client_min_messages = 'error'`)
    const session = await makeLog({ target }).open()
    await reconfigure('synchronous_standby_names', 'nobody')
    const appended = session.append([put('a')]).catch((error) => error)
    const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`
    await until('the wait is cut short', async () => (await sql(cancel)) === 't')
    const error = await appended
    expect(error).toBeInstanceOf(Undecided)
    expect(error.message).toMatch(/[а-я]/)
    await session.lost
  })

  test('has no setting of roles that is neither set for each session nor harmless', async () => {
    const names = (await sql(`LOAD 'plpgsql'; ${settingsOfRoles}`)).split('\n')
    expect(names.length).toBeGreaterThan(100)
    expect(names.filter((name) => !(name in sessionSettings) && !isHarmless(name))).toEqual([])
  })
})
