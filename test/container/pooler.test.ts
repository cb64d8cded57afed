import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Refused, Unavailable } from '../../kvs/log/log.ts'
import { makeCheckpointer } from '../../kvs/log/postgres/checkpointer.ts'
import { decided } from '../contract/log/batches.ts'
import { makeLog } from '../support/database.ts'
import { put } from '../support/entries.ts'
import { makeDirectory, spawnNode, startReadyNode } from '../support/node.ts'
import { get, put as putOver } from '../support/requests.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { type PooledServer, type Pooler, type PoolMode, startPooledServer } from './pooler.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 })

const words =
  'a pooler in transaction or statement mode stands before Postgres, and gives each transaction another session: ' +
  'use its session mode (PgBouncer: pool_mode=session), or connect to Postgres directly'

let server: PooledServer
let databases = 0
let database: string

/** A new PgBouncer, gone with the test, before an empty database. */
async function startPooler(mode: PoolMode, settings?: Record<string, string | number>): Promise<Pooler> {
  const pooler = await server.startPooler(mode, settings)
  onTestFinished(pooler.stop)
  return { ...pooler, target: { ...pooler.target, database } }
}

function toEnvironment({ target }: Pooler): Record<string, string> {
  const { host, port, user, password = '' } = target
  return {
    ...{ POSTGRES_HOST: host, POSTGRES_PORT: String(port), POSTGRES_DB: database, POSTGRES_USER: user },
    ...{ POSTGRES_PASSWORD: password, POSTGRES_SSLMODE: 'disable' },
  }
}

async function connectTo({ target }: Pooler): Promise<pg.Client> {
  const { host, port, user, password = '' } = target
  const client = new pg.Client({ host, port, user, password, database, ssl: false })
  client.on('error', () => undefined)
  await client.connect()
  onTestFinished(() => client.end().catch(() => undefined))
  return client
}

/** Other programs, which use the pool until the test ends, or they are told to leave. */
async function crowd(pooler: Pooler, size: number): Promise<() => Promise<void>> {
  const clients = await Promise.all(Array.from({ length: size }, () => connectTo(pooler)))
  let isOver = false
  const busy = clients.map(async (client) => {
    while (!isOver) await client.query('SELECT pg_sleep(0.001 * random())').catch(() => (isOver = true))
  })
  const leave = async () => {
    isOver = true
    await Promise.all(busy)
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
  }
  onTestFinished(leave)
  return leave
}

describeWithDocker('a pooler', () => {
  beforeAll(async () => {
    server = await startPooledServer()
  })
  afterAll(() => server?.stop())
  beforeEach(async () => {
    database = `log_${++databases}`
    await server.makeDatabase(database)
  })

  describe.each(['transaction', 'statement'] as const)('in %s mode is refused in words', (mode) => {
    test.each<[string, Record<string, number>, number]>([
      ['alone', {}, 0],
      ['with one process for all', { default_pool_size: 1 }, 0],
      ['that takes its processes in turn', { server_round_robin: 1, min_pool_size: 4 }, 0],
      ['that takes two in turn', { server_round_robin: 1, min_pool_size: 2 }, 0],
      ['with other clients in it', { default_pool_size: 4 }, 8],
      ['with other clients in it, in turn', { default_pool_size: 4, server_round_robin: 1 }, 8],
      ['without statements prepared for a client', { max_prepared_statements: 0 }, 0],
    ])('%s', async (_, settings, others) => {
      const pooler = await startPooler(mode, settings)
      await crowd(pooler, others)
      const error = await makeLog(pooler)
        .open()
        .catch((error) => error)
      expect(error).toBeInstanceOf(Refused)
      expect(error.message).toBe(words)
    })
  })

  test('in transaction mode ends the start of a node, with the words', async () => {
    const node = spawnNode(makeDirectory(), toEnvironment(await startPooler('transaction')))
    expect(await node.ended).toBe(1)
    expect(node.output()).toContain(words)
  })

  test('that comes to transaction mode later is noticed, and named', async () => {
    const pooler = await startPooler('session')
    const session = await makeLog(pooler).open()
    await session.append([put('a')])
    await pooler.become('transaction')
    const other = await connectTo(pooler)
    const ask = () => session.askHead().catch((error) => error)
    const noticed = await until('the session is served by another process', async () => {
      const free = await ask()
      await other.query('BEGIN; SELECT 1')
      const taken = await ask()
      await other.query('ROLLBACK')
      return [free, taken].find((answer) => answer instanceof Error)
    })
    expect(noticed).toBeInstanceOf(Unavailable)
    expect(noticed.message).toBe(words)
    await session.close()
    await expect(makeLog(pooler).open()).rejects.toThrow(words)
  })

  test('that comes to transaction mode under a node ends it with the words, and loses nothing', async () => {
    const pooler = await startPooler('session')
    const directory = makeDirectory()
    const node = await startReadyNode(directory, { ...toEnvironment(pooler), KVS_TAIL_INTERVAL: '50ms' })
    const acknowledged = ['before']
    expect((await putOver(node, 'before', 'x')).status).toBe(201)
    const isOver = node.ended.then(() => true)
    await pooler.become('transaction')
    const leave = await crowd(pooler, 8)
    for (let n = 0; !(await Promise.race([isOver, sleep(1)])); n++) {
      const answer = await putOver(node, `k${n}`, 'x').catch(() => undefined)
      if (answer?.ok) acknowledged.push(`k${n}`)
    }
    expect(await node.ended).toBe(1)
    expect(node.output()).toContain(words)
    await leave()
    await pooler.become('session')
    const again = await startReadyNode(directory, toEnvironment(pooler))
    const answers = await Promise.all(acknowledged.map(async (key) => (await get(again, key)).status))
    expect(new Set(answers)).toEqual(new Set([200]))
  })

  test('that is not noticed yet takes nothing from an append: what durability rests on is in its transaction', async () => {
    const pooler = await startPooler('session')
    const session = await makeLog(pooler).open()
    const operator = await connectTo({ ...pooler, target: server.direct })
    await operator.query('CREATE TABLE seen (commits text, messages text)')
    await operator.query(`CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO seen SELECT current_setting('synchronous_commit'), current_setting('client_min_messages');
      RETURN NULL; END $$`)
    await operator.query('CREATE TRIGGER see AFTER INSERT ON transactions FOR EACH STATEMENT EXECUTE FUNCTION see()')
    await pooler.become('transaction')
    await session.askHead()
    const other = await connectTo(pooler)
    await other.query('SET synchronous_commit = off; SET client_min_messages = error')
    await session.append([put('a')])
    const asked = decided(put('b'))
    await session.appendConditional([asked], 1n)
    const { rows } = await operator.query('SELECT * FROM seen')
    expect(rows).toEqual(Array.from({ length: 2 }, () => ({ commits: 'on', messages: 'warning' })))
    await session.close()
  })

  test('in session mode serves a whole node: others’ writes, checkpoints and restarts', async () => {
    const pooler = await startPooler('session')
    const environment = toEnvironment(pooler)
    const directory = makeDirectory()
    const [one, other] = [
      await startReadyNode(directory, environment),
      await startReadyNode(makeDirectory(), environment),
    ]
    for (let n = 0; n < 20; n++) expect((await putOver(n % 2 ? one : other, `k${n}`, String(n))).status).toBe(201)
    await until('each shows what the other wrote', async () => {
      const answers = await Promise.all([get(one, 'k18'), get(other, 'k19')])
      return answers.every(({ status }) => status === 200)
    })
    one.kill('SIGTERM')
    expect(await one.ended).toBe(0)
    const again = await startReadyNode(directory, environment)
    expect(again.output()).toContain('20 events replayed')
  })

  test('in session mode hands on what is notified', async () => {
    const pooler = await startPooler('session')
    const [session, other] = [await makeLog(pooler).open(), await makeLog(pooler).open()]
    let notified = 0
    session.onOthersAppended(() => notified++)
    await session.append([put('own')])
    await session.askHead()
    expect(notified).toBe(0)
    await other.append([put('another’s')])
    await until('the other session’s append is told of', () => notified === 1)
    await Promise.all([session.close(), other.close()])
  })

  test('in session mode, with no process left for a second look, serves', async () => {
    const pooler = await startPooler('session', { default_pool_size: 1 })
    const session = await makeLog(pooler).open()
    expect((await session.append([put('a')])).sequence).toBe(1n)
    await session.close()
  })

  test('in session mode loses nothing that was acknowledged when Postgres is killed, with the checkpointer at work', async () => {
    const pooler = await startPooler('session', { default_pool_size: 3 })
    const session = await makeLog(pooler).open()
    const stopping = new AbortController()
    const checkpointer = makeCheckpointer({
      ...{ target: pooler.target, timeoutMs: 10_000, pace: { pollEveryMs: 5, quietLag: 0, movingLag: 0 } },
      warn: () => undefined,
    })
    const run = checkpointer.run(stopping.signal)
    for (let n = 0; n < 200; n++) await session.append([put(`k${n}`)])
    await server.crash()
    stopping.abort()
    await run
    const { head, close } = await until('the log is open again', () =>
      makeLog(pooler)
        .open()
        .catch(() => undefined),
    )
    expect(head.sequence).toBe(200n)
    await close()
  })
})
