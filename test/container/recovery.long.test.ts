import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { checkHistory } from '../../tools/drill/checker/check.ts'
import { checkPrefix, historyUpTo, type Restored } from '../../tools/drill/checker/prefix.ts'
import type { History } from '../../tools/drill/history.ts'
import { readLog, readView } from '../../tools/drill/readback.ts'
import { makeWorkload } from '../../tools/drill/workload/clients.ts'
import { makeSeededRandom } from '../../tools/lab/seeded-random.ts'
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
let recoverLater: string
/** What the first recovery told, and what its branch holds once it was written to. */
let told: string
let branch: History['log']
let branchEnd: string

/** Has all WAL archived that there is so far. Returns the time of the database. */
async function archiveAll(): Promise<string> {
  const postgres = await stack.connect()
  const ask = async (query: string): Promise<string> =>
    (await postgres.query(`SELECT (${query})::text AS is`)).rows[0].is
  const time = await ask('clock_timestamp()')
  // A commit after that time, for a recovery to stop at
  await postgres.query('CREATE TABLE passed (); DROP TABLE passed')
  const last = await ask('pg_walfile_name(pg_switch_wal())')
  const isArchived = async () => (await ask('SELECT last_archived_wal FROM pg_stat_archiver')) >= last
  await until('it is archived', isArchived, 60_000)
  await postgres.end()
  return time
}

describeWithDocker('a lost disk under Postgres, brought back to a moment at which clients wrote to three nodes', () => {
  beforeAll(async () => {
    stack = await makeStack('recovered', 'compose/archive.yml')
    const nodes = await stack.up(3)
    const start = performance.now()
    const now = () => performance.now() - start
    const workload = makeWorkload({ nodes, seconds: 10, random: makeSeededRandom(7, 'recovery'), now })
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
    const later = await ask('clock_timestamp()')
    await more(300)
    await workload.stop()
    original = { operations: workload.operations, log: await readLog(stack), views: [], faults: [] }
    await postgres.end()
    await archiveAll()

    await stack.compose('stop')
    await stack.losePostgres()
    recover = documented('compose/recover', { 'base.tar': base, '2026-11-21 08:19:25.5+00': moment })
    recoverLater = documented('compose/recover', { 'base.tar': base, '2026-11-21 08:19:25.5+00': later })
    told = await stack.shell(recover)
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

  test('tells what was reached', () => {
    expect(told).toMatch(
      new RegExp(`the log is as it was at .*: its last entry is ${restored.log.at(-1)?.sequence}, recorded at 2`),
    )
  })

  test('is done neither under a stack that runs nor over a database', async () => {
    const refused = async () => (await stack.shell(recover).catch((error) => error)).stderr
    expect(await refused()).toMatch(/the stack is running: docker compose stop/)
    await stack.compose('stop')
    expect(await refused()).toMatch(/there is a database already: it is left as it is/)
    const [{ url }] = await stack.up(1)
    expect((await fetch(`${url}/v1/${encodeURIComponent(original.log[0]?.key ?? '')}`)).status).toBe(200)
  })

  test('is corrected by a second one, to a later time, which leaves the branch of the first aside', async () => {
    const [{ url }] = await stack.up(1)
    expect((await fetch(`${url}/v1/on-the-branch`, { method: 'PUT', body: 'x' })).status).toBe(201)
    branchEnd = await archiveAll()
    branch = await readLog(stack)
    await stack.compose('stop')
    await stack.losePostgres()
    const toldLater = await stack.shell(recoverLater)
    const log = await readLog(stack)
    expect(log.length).toBeGreaterThan(restored.log.length + 200)
    expect(log.length).toBeLessThan(original.log.length)
    expect(log).toEqual(original.log.slice(0, log.length))
    expect(toldLater).toMatch(/timeline 1 is followed, and timeline 2 is not/)
  })

  test('that the archive does not reach ends with the reason, and can be begun anew', async () => {
    const never = recoverLater.replace(/'20.*'/, "'2099-01-01 00:00:00+00'")
    await stack.compose('stop')
    await stack.losePostgres()
    const refused = await stack.shell(never).catch((error) => error)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/FATAL: {2}recovery ended before configured recovery target was reached/)
    expect(await stack.compose('ps', '--quiet')).toBe('')
    await stack.losePostgres()
  })

  test('follows the branch of a recovery that was kept, where that is asked for', async () => {
    const kept = recoverLater.replace(/'20.*'/, `'${branchEnd}' --timeline=2`)
    await stack.shell(kept)
    expect(await readLog(stack)).toEqual(branch)
  })
})
