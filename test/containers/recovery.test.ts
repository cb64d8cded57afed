import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { checkHistory } from '../drill/checker/check.ts'
import { checkPrefix, historyUpTo, type Restored } from '../drill/checker/prefix.ts'
import type { History } from '../drill/history.ts'
import { makeRandom } from '../drill/random.ts'
import { readLog, readView } from '../drill/readback.ts'
import { makeWorkload } from '../drill/workload/clients.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { documented } from './documented.ts'
import { makeStack, type NodesStack } from './stack-of-nodes.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const directory = mkdtempSync(join(tmpdir(), 'kvs-recovery-'))
const base = join(directory, 'base.tar')

let stack: NodesStack
let original: History
let restored: Restored
let recover: string

describeWithDocker('a lost disk under Postgres, brought back to a moment at which clients wrote to three nodes', () => {
  beforeAll(async () => {
    stack = await makeStack('recovered', 'compose/archive.yml')
    const nodes = await stack.up(3)
    const start = performance.now()
    const now = () => performance.now() - start
    const workload = makeWorkload({ nodes, seconds: 10, random: makeRandom(7, 'recovery'), now })
    const more = async (writes: number) => {
      const wanted = workload.acknowledged + writes
      await until(`${wanted} writes are acknowledged`, () => workload.acknowledged >= wanted, 120_000)
    }
    const postgres = await stack.connect()
    const ask = async (query: string): Promise<string> =>
      (await postgres.query(`SELECT (${query})::text AS is`)).rows[0].is
    await workload.preload(500, 4_000)
    workload.start()
    await stack.shell(documented('docker compose exec -T postgres pg_basebackup', { 'base.tar': base }))
    await more(300)
    const began = now()
    const moment = await ask('clock_timestamp()')
    const ended = now()
    await more(300)
    await workload.stop()
    original = { operations: workload.operations, log: await readLog(stack), views: [], faults: [] }
    const last = await ask('pg_walfile_name(pg_switch_wal())')
    await until(
      'it is archived',
      async () => (await ask('SELECT last_archived_wal FROM pg_stat_archiver')) >= last,
      60_000,
    )
    await postgres.end()

    await stack.compose('stop')
    await stack.losePostgres()
    recover = documented('compose/recover', { 'base.tar': base, '2026-11-21 08:19:25.5+00': moment })
    await stack.shell(recover)
    const log = await readLog(stack)
    const views = await Promise.all((await stack.up(3)).map(({ url }) => readView(url, workload.keys)))
    restored = { log, views, began, ended }
  })

  afterAll(async () => {
    await stack?.down()
    rmSync(directory, { recursive: true })
  })

  test('holds a prefix of the log: all that was acknowledged before it, and nothing that came after', () => {
    expect(restored.log.length).toBeGreaterThan(800)
    expect(restored.log.length).toBeLessThan(original.log.length)
    expect(checkPrefix(original, restored)).toEqual([])
  })

  test('is a past that every node shows and that the clients had seen', () => {
    const verdict = checkHistory(historyUpTo(original, restored), { severalNodes: true })
    expect(verdict).toMatchObject({ violations: [], lost: 0, torn: 0 })
    expect(verdict.readsChecked).toBeGreaterThan(50)
  })

  test('is done neither under a stack that runs nor over a database', async () => {
    const refused = async () => (await stack.shell(recover).catch((error) => error)).stderr
    expect(await refused()).toMatch(/the stack is running: docker compose stop/)
    await stack.compose('stop')
    expect(await refused()).toMatch(/there is a database already: it is left as it is/)
    const [{ url }] = await stack.up(1)
    expect((await fetch(`${url}/v1/${encodeURIComponent(original.log[0]?.key ?? '')}`)).status).toBe(200)
  })
})
