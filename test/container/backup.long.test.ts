import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { checkHistory } from '../../tools/drill/checker/check.ts'
import { checkPrefix, historyUpTo, type Restored } from '../../tools/drill/checker/prefix.ts'
import type { History, LogEntry } from '../../tools/drill/history.ts'
import { readLog, readView } from '../../tools/drill/readback.ts'
import { makeWorkload } from '../../tools/drill/workload/clients.ts'
import { startProxy } from '../../tools/lab/network/proxy.ts'
import { makeSeededRandom } from '../../tools/lab/seeded-random.ts'
import { makeDirectory, startReadyNode } from '../support/node.ts'
import { sequenceOf } from '../support/tags.ts'
import { until } from '../support/until.ts'
import { makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'
import { documented } from './documented.ts'
import { makeStack, type NodesStack } from './stack-of-nodes.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const directory = mkdtempSync(join(tmpdir(), 'kvs-backup-'))
const dump = join(directory, 'kvs.dump')

const backup = documented('compose/backup', { 'kvs.dump': dump })
const restore = documented('compose/restore', { 'kvs.dump': dump })

/** A log without the expiries that nodes have recorded after the part that is given. */
function withoutExpiries(log: readonly LogEntry[], part: readonly LogEntry[]): LogEntry[] {
  const isExpiry = ({ kind, deadline }: LogEntry) => kind === 'delete' && deadline !== undefined
  return log.filter((entry, index) => index < part.length || !isExpiry(entry))
}

let source: NodesStack
let target: NodesStack
let original: History
let restored: Restored

describeWithDocker('a dump that is taken while clients write to three nodes', () => {
  beforeAll(async () => {
    ;[source, target] = await Promise.all([makeStack('dumped'), makeStack('restored')])
    const nodes = await source.up(3)
    const start = performance.now()
    const now = () => performance.now() - start
    const workload = makeWorkload({ nodes, seconds: 10, random: makeSeededRandom(6, 'backup'), now })
    const more = async (writes: number) => {
      const wanted = workload.acknowledged + writes
      await until(`${wanted} writes are acknowledged`, () => workload.acknowledged >= wanted, 120_000)
    }
    await workload.preload(3_000, 4_000)
    workload.start()
    await more(300)
    const began = now()
    await source.shell(backup)
    const ended = now()
    await more(300)
    await workload.stop()
    original = { operations: workload.operations, log: await readLog(source), views: [], faults: [] }

    await target.shell(restore)
    const log = await readLog(target)
    const [{ url }] = await target.up()
    restored = { log, views: [await readView(url, workload.keys)], began, ended }
  })

  afterAll(async () => {
    await Promise.all([source?.down(), target?.down()])
    rmSync(directory, { recursive: true })
  })

  test('holds a prefix of the log: all that was acknowledged before it, and nothing that came after', () => {
    const isWrite = ({ kind, outcome }: History['operations'][number]) => kind !== 'get' && outcome === 'ok'
    const meanwhile = original.operations.filter(
      (operation) => isWrite(operation) && operation.invoked > restored.began && operation.returned < restored.ended,
    )
    expect(meanwhile.length).toBeGreaterThan(10)
    expect(restored.log.length).toBeGreaterThan(3_300)
    expect(restored.log.length).toBeLessThan(original.log.length)
    expect(checkPrefix(original, restored)).toEqual([])
  })

  test('is a past that a new node shows and that the clients had seen', () => {
    const verdict = checkHistory(historyUpTo(original, restored), { severalNodes: true })
    expect(verdict).toMatchObject({ violations: [], lost: 0, torn: 0 })
    expect(verdict.readsChecked).toBeGreaterThan(50)
  })

  test('is gone on with where it ends', async () => {
    const [{ url }] = await target.up()
    const answer = await makeClient(url).put('after-the-restore', 'x')
    expect(answer.status).toBe(201)
    const log = await readLog(target)
    expect(sequenceOf(answer)).toBe(BigInt(log.findIndex(({ key }) => key === 'after-the-restore') + 1))
    expect(withoutExpiries(log, restored.log)).toEqual([...restored.log, log[Number(sequenceOf(answer)) - 1]])
  })

  test('is put over nothing, neither a file nor a log', async () => {
    const refused = async (line: string) => (await source.shell(line).catch((error) => error)).stderr
    expect(await refused(backup)).toMatch(/is there already: it is left as it is/)
    expect(await refused(restore)).toMatch(/nodes are running: docker compose stop kvs/)
    await source.compose('stop', 'kvs')
    expect(await refused(restore)).toMatch(/the log is not empty: it is left as it is/)
    expect(withoutExpiries(await readLog(source), original.log)).toEqual(original.log)
    await source.up(3)
  })

  test('that is cut short is restored not at all, and the whole one in its place', async () => {
    const whole = readFileSync(dump)
    const cut = join(directory, 'cut.dump')
    writeFileSync(cut, whole.subarray(0, whole.length / 2))
    const stack = await makeStack('cut')
    try {
      await expect(stack.shell(restore.replace(dump, cut))).rejects.toThrow(/pg_restore: error/)
      await stack.up() // its migrations make an empty log
      await stack.compose('stop', 'kvs')
      await stack.shell(restore)
      expect(await readLog(stack)).toEqual(restored.log)
    } finally {
      await stack.down()
    }
  })

  test('under a node that has gone further is a log that diverged; started anew, the node goes on from there', async () => {
    const upstream = { host: '127.0.0.1', port: source.postgresPort }
    const proxy = await startProxy({ host: '127.0.0.1', port: 0 }, upstream)
    onTestFinished(() => proxy.close())
    const home = makeDirectory()
    const env = { POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: String(proxy.port), POSTGRES_PASSWORD: 'kvs' }
    const node = await startReadyNode(home, env)
    const client = makeClient(node.url)
    expect((await client.put('further', 'x')).status).toBe(201)

    upstream.port = target.postgresPort
    proxy.reset()
    await client.reaches('log diverged')
    const readiness = await client.request('/readyz')
    expect(readiness.status).toBe(503)
    expect(await readiness.text()).toMatch(/the log (went back|lost)/)
    expect(await (await client.request('/v1/further')).text()).toBe('x')
    expect((await client.put('refused', 'x')).status).toBe(503)

    node.kill('SIGTERM')
    expect(await node.ended).toBe(0)
    const again = makeClient((await startReadyNode(home, env)).url)
    expect((await again.request('/v1/further')).status).toBe(404)
    expect(await (await again.request('/v1/after-the-restore')).text()).toBe('x')
    expect((await again.put('goes-on', 'x')).status).toBe(201)
  })

  test('gets what a node has spooled since', async () => {
    const [before] = await target.up()
    await target.compose('kill', 'postgres')
    await makeClient(before.url).reaches('log down')
    expect((await makeClient(before.url).put('spooled', 'since')).status).toBe(202)
    await target.compose('stop', 'kvs')
    await target.losePostgres()
    await target.shell(restore)
    const client = makeClient((await target.up())[0].url)
    expect(await (await client.request('/v1/spooled')).text()).toBe('since')
    expect((await client.request('/v1/after-the-restore')).status).toBe(404)
    const log = withoutExpiries(await readLog(target), restored.log)
    expect(log.slice(0, -1)).toEqual(restored.log)
    expect(log.at(-1)).toMatchObject({ key: 'spooled', superseded: false })
    expect(await target.compose('logs', '--no-log-prefix', 'kvs')).toMatch(
      /WARN: the log went back since writes were spooled; they go to the log as it is now/,
    )
  })
})
